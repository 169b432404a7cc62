import { useEffect } from 'preact/hooks';
import { writeClockSpan } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { hrefOf } from '../route.ts';
import { link, loadError, loaded, meanwhile, problemOf, site, text, tryNow, valuesFrom, wallNow } from '../state.ts';

/** After a loss without alarms the good news goes by itself; alarms stay until somebody looked. */
const NO_NEWS_MS = 10_000;

/** The grey bar under the top bar: what is lost, how old the values are, when the next try comes, and what came meanwhile. */
export function ConnectionBar() {
  const words = text.value;
  const { value: current } = link;
  const back = meanwhile.value;
  const gone = back !== undefined && back.alarms.length === 0 && wallNow.value - back.at > NO_NEWS_MS;
  useEffect(() => {
    if (gone) meanwhile.value = undefined;
  }, [gone]);
  if (current.state === 'lost') {
    const from = valuesFrom.value;
    return (
      <div class="connection" role="status" data-connection="lost">
        <Icon name="signal" size={17} />
        <b>{words.connectionLost(writeClockSpan(wallNow.value - current.since))}</b>
        <span>
          {from === undefined ? words.noValuesYet : words.valuesFrom(site.value.clock(from))} {words.alarmsElsewhere}{' '}
          <span aria-hidden="true">{words.nextTry(Math.ceil((current.nextTryAt - wallNow.value) / 1000))}</span>
        </span>
        <span class="space" />
        <button type="button" class="button small" onClick={tryNow}>
          {words.tryNow}
        </button>
      </div>
    );
  }
  if (loadError.value !== undefined)
    return (
      <div class="connection" role="status" data-connection="unanswered">
        <Icon name="signal" size={17} />
        <b>{words.listsOld}</b>
        <span>
          {problemOf(loadError.value)} {words.listsOldWhy}
        </span>
        <span class="space" />
        <button type="button" class="button small" onClick={tryNow}>
          {words.tryNow}
        </button>
      </div>
    );
  if (back === undefined || !loaded.value) return null;
  return (
    <div class="connection" role="status" data-connection="back">
      <Icon name="signal" size={17} />
      <b>{words.backAgain}</b>
      <span>{words.cameMeanwhile(back.alarms.length)}</span>
      <span class="space" />
      {back.alarms.length > 0 && (
        <button
          type="button"
          class="button small"
          onClick={() => {
            meanwhile.value = undefined;
            location.hash = hrefOf({ page: 'alarms' });
          }}
        >
          {words.showThem}
        </button>
      )}
      <button
        type="button"
        class="button small quiet"
        onClick={() => {
          meanwhile.value = undefined;
        }}
      >
        {words.close}
      </button>
    </div>
  );
}
