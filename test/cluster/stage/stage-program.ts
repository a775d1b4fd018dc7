/** Makes a stage, says which, and waits to be stopped: what `crash.test.ts` kills. */
import { Stage } from './stage.ts';

const stage = await Stage.start();
process.once('SIGTERM', () => void stage.stop().then(() => process.exit(0)));
console.log(JSON.stringify({ folder: stage.folder.path, pid: stage.room.pid }));
setInterval(() => {}, 1000);
