/** Makes a stage, says where, and waits to be killed, by `crash.test.ts`. */
import { Stage } from './stage.ts';

const stage = await Stage.start();
console.log(JSON.stringify({ folder: stage.folder.path }));
setInterval(() => {}, 1000);
