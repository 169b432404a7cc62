import { text } from '../state.ts';
import { askSessionNow } from '../who.ts';
import { Entrance } from './entrance.tsx';

/** The page came, the gateway behind it does not answer: says so until it does, then goes on by itself. */
export function Unreachable() {
  const words = text.value;
  return (
    <Entrance foot={<span>{words.noDataLeaves}</span>}>
      <div role="status" data-page="unreachable">
        <h1>{words.unreachable}</h1>
        <p class="under">{words.unreachableWhy}</p>
      </div>
      <button type="button" class="button big" onClick={askSessionNow}>
        {words.tryNow}
      </button>
    </Entrance>
  );
}
