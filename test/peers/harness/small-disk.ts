/** A small file system of its own, ext4 over a loop device, that fails as disks do. Made in a `scratch` folder, which unmounts it. */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, succeed } from './commands.ts';

export class SmallDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #folder: string;
  #image: string;

  private constructor(folder: string) {
    [this.#folder, this.path, this.#image] = [folder, join(folder, 'disk'), join(folder, 'image')];
  }

  /** @param room MiB that the device has in truth: what is written beyond fails with EIO. Default: all that it says. */
  static async make(folder: string, mebibytes: number, room?: number): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    mkdirSync(disk.path, { recursive: true });
    if (room !== undefined) {
      mkdirSync(join(folder, 'device'));
      await succeed('mount', ['-t', 'tmpfs', '-o', `size=${room}m`, 'none', join(folder, 'device')]);
      disk.#image = join(folder, 'device', 'image');
    }
    await succeed('truncate', ['-s', `${mebibytes}M`, disk.#image]);
    await succeed('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard', disk.#image]);
    await disk.#mount();
    return disk;
  }

  /** A tmpfs instead. */
  static async inMemory(folder: string, mebibytes: number): Promise<SmallDisk> {
    const disk = new SmallDisk(folder);
    mkdirSync(disk.path, { recursive: true });
    await succeed('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', disk.path]);
    return disk;
  }

  /** Others take all of it. */
  fill(): void {
    const piece = Buffer.alloc(16 * 1024, 1);
    const file = openSync(join(this.path, 'filler'), 'a');
    try {
      for (;;) writeSync(file, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(join(this.path, 'filler'));
  }

  /** As the kernel does it after an error. */
  async becomeReadOnly(): Promise<void> {
    await succeed('mount', ['-o', 'remount,abort', this.path]);
  }

  /** Mounted anew, when nobody has a file open; a device that had less room than it claims has it now. */
  async repair(): Promise<void> {
    if (this.#image.startsWith(join(this.#folder, 'device'))) await succeed('mount', ['-o', 'remount,size=64m', join(this.#folder, 'device')]);
    await eventually(() => succeed('umount', [this.path]));
    await this.#mount();
  }

  /** What the device was not told to keep is gone: the disk is from now on what stood on the device, and ext4 recovers. */
  async losePower(): Promise<void> {
    let image = readFileSync(this.#image);
    // Nothing may be written between its beginning and its end.
    for (let again = readFileSync(this.#image); !again.equals(image); again = readFileSync(this.#image)) image = again;
    await succeed('umount', [this.path]);
    rmSync(this.#image);
    this.#image = join(this.#folder, `image-${Date.now()}`);
    writeFileSync(this.#image, image);
    await this.#mount();
  }

  /** What is dirty stays in memory until it is synced. */
  async #mount(): Promise<void> {
    await succeed('mount', ['-o', 'loop,commit=300,errors=remount-ro', this.#image, this.path]);
  }
}
