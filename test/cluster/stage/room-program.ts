/** Opens a node's room with a containerd in it, says so, and waits: what `crash.test.ts` kills. */
import { TestPki } from '../../fakes/test-pki.ts';
import { StageFolder } from './folder.ts';
import { prepareNode, startContainerd } from './node.ts';
import { NodeRoom } from './node-room.ts';

const folder = StageFolder.make();
const room = new NodeRoom(folder);
folder.makeControlGroup();
prepareNode(folder, (await TestPki.make()).ca);
await room.open();
await startContainerd(folder, room);
console.log(JSON.stringify({ folder: folder.path, pid: room.pid }));
setInterval(() => {}, 1000);
