export { removeFolder } from '../../bench/folders.ts';
