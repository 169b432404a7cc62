import { writeAge, writeNumber, writingOf } from '../format.ts';
import { Glyph } from '../parts/glyph.tsx';
import { assetNames, kindName, measurementName } from '../parts/name.tsx';
import { Panel } from '../parts/panel.tsx';
import type { Figures, Flood, Performance, Remedy, RuleCount } from '../performance.ts';
import { hrefOf } from '../route.ts';
import { alarms, language, model, now, pressureUnit, site, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import { percent } from './performance.tsx';

/** Share of each priority that the standards ask for. */
const SHARES = { 1: 0.01, 2: 0.05, 3: 0.15, 4: 0.8 } as const;

export function PriorityPanel({ figures }: { figures: Figures }) {
  const words = text.value.performance;
  return (
    <Panel title={words.priorities} scope={words.prioritiesHint}>
      <ul class="share-list">
        {figures.priorities.map(({ priority, count, share }) => (
          <li key={priority}>
            <Glyph priority={priority} lamp={count > 0 ? 'acknowledged' : 'none'} size={16} />
            <span>{text.value.priorityName[priority]}</span>
            <span class="share-track">
              <i style={{ width: `${100 * share}%` }} />
              <u style={{ left: `${100 * SHARES[priority]}%` }} />
            </span>
            <b>{writeNumber(count, 0)}</b>
            <em>{percent(share)}</em>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function TopTen({ rules }: { rules: readonly RuleCount[] }) {
  const words = text.value.performance;
  const most = Math.max(1, ...rules.map(({ count }) => count));
  const share = rules.reduce((sum, rule) => sum + rule.share, 0);
  return (
    <Panel title={words.topTen} scope={rules.length === 0 ? '' : words.topTenShare(percent(share))}>
      {rules.length === 0 ? (
        <p class="faint quiet-line">{words.noneOfThem}</p>
      ) : (
        <ol class="ranked top-ten">
          {rules.map((rule) => (
            <li key={rule.rule}>
              <RuleName rule={rule} />
              <i style={{ '--part': String(rule.count / most) }} />
              <b>{writeNumber(rule.count, 0)}</b>
              <em>{percent(rule.share)}</em>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

/** Asset and what is watched of it, in words; leads to the point. */
function RuleName({ rule }: { rule: RuleCount }) {
  const { asset, point: id, kind } = rule;
  const { name } = assetNames(asset);
  const point = id === undefined ? undefined : model.peek().points.get(id);
  const words = `${name}, ${point === undefined ? '' : `${measurementName(point)} `}${kindName(kind)}`;
  return (
    <span title={rule.rule}>
      {point === undefined ? words : <a href={hrefOf({ page: 'explore', point: point.id })}>{words}</a>}
    </span>
  );
}

export function AdvicePanel({ title, why, rules }: { title: string; why: string; rules: readonly RuleCount[] }) {
  const words = text.value.performance;
  return (
    <Panel title={title} scope={why} aside={<b>{rules.length}</b>} class="advice-panel">
      {rules.length === 0 ? (
        <p class="faint quiet-line">{words.noneOfThem}</p>
      ) : (
        <>
          <p class="faint quiet-line">{words.advice}</p>
          <ul class="advice-list">
            {rules.map((rule) => (
              <li key={rule.rule}>
                <span class="advice-what">
                  <RuleName rule={rule} />
                  <b>{writeNumber(rule.count, 0)} ×</b>
                </span>
                {rule.remedies.length === 0 ? (
                  <span class="faint">{said(rule.advice ?? '', language.value)}</span>
                ) : (
                  rule.remedies.map((remedy) => (
                    <span key={remedy.kind} class="faint">
                      {words.remedy[remedy.kind](writtenAs(remedy, rule), remedy.alarms, remedy.of)}
                    </span>
                  ))
                )}
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

/** A deadband in the unit people see, a delay as a length of time. */
function writtenAs({ kind, value }: Remedy, { point: id }: RuleCount): string {
  if (kind !== 'deadband') return writeAge(value, language.value);
  const point = id === undefined ? undefined : model.peek().points.get(id);
  const writing = writingOf(point?.unit, value, pressureUnit.value);
  return `${writeNumber(writing.show(value), writing.decimals)} ${writing.label}`.trim();
}

export function StalePanel({ stale }: { stale: Performance['stale'] }) {
  const words = text.value.performance;
  return (
    <Panel title={words.standing} scope={words.standingWhy} aside={<b>{stale.length}</b>} class="advice-panel">
      {stale.length === 0 ? (
        <p class="faint quiet-line">{words.noneOfThem}</p>
      ) : (
        <>
          <p class="faint quiet-line">
            {said(
              'repair it, shelve it with an end, or put it out of service with its work order',
              language.value,
            ).replace(/^./, (first) => first.toUpperCase())}
          </p>
          <ul class="advice-list">
            {stale.map(({ alarm, asset, kind, since }) => (
              <li key={alarm}>
                <span class="advice-what">
                  <a href={hrefOf({ page: 'alarms', alarm })}>
                    {assetNames(asset).name}, {kindName(kind)}
                  </a>
                  <b>{writeAge(now.value - since, language.value)}</b>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

export function FloodPanel({ floods, count }: { floods: Performance['floods']; count: number }) {
  const words = text.value.performance;
  const time = site.value;
  return (
    <Panel title={words.floodsList} aside={<b>{count}</b>} class="advice-panel">
      {floods.length === 0 ? (
        <p class="faint quiet-line">{words.noFloods}</p>
      ) : (
        <ul class="advice-list">
          {[...floods].reverse().map((flood) => (
            <li key={flood.from}>
              <span class="advice-what">
                <span>{words.floodLine(flood.alarms, flood.peak)}</span>
                <b>{writeAge(flood.to - flood.from, language.value)}</b>
              </span>
              <span class="faint">
                {time.dayMinute(flood.from)} – {time.minute(flood.to)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function PeoplePanel({ operators }: { operators: Performance['operators'] }) {
  const words = text.value.performance;
  return (
    <Panel title={words.operators} aside={<b>{operators.length}</b>} class="advice-panel">
      {operators.length === 0 ? (
        <p class="faint quiet-line">{words.noneOfThem}</p>
      ) : (
        <ul class="advice-list">
          {operators.map(({ who, actions, acknowledged, timeToAcknowledge }) => (
            <li key={who}>
              <span class="advice-what">
                <span>{who}</span>
                <b>
                  {timeToAcknowledge.medianMs === undefined
                    ? '–'
                    : writeAge(timeToAcknowledge.medianMs, language.value)}
                </b>
              </span>
              <span class="faint">
                {writeNumber(actions, 0)} {words.actions}, {writeNumber(acknowledged, 0)} {words.acknowledged}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function GroupPanel({ groups }: { groups: Performance['groups'] }) {
  const words = text.value.performance;
  return (
    <Panel title={words.groups} aside={<b>{groups.length}</b>} class="advice-panel">
      <ul class="advice-list">
        {groups.map(({ group, raised, perTenMinutes, targets }) => (
          <li key={group}>
            <span class="advice-what">
              <span>{said(group, language.value)}</span>
              <b>{writeNumber(perTenMinutes, 2)}</b>
            </span>
            <span class="faint">
              {writeNumber(raised, 0)} {words.raised.toLowerCase()},{' '}
              {words.targetsMet(targets.filter(({ met }) => met).length, targets.length)}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const FLOODS_SHOWN = 3;

/** Floods that go on, above the list: how many, since when, what most of it hangs on. */
export function FloodsNow({ floods }: { floods: readonly Flood[] }) {
  const words = text.value.performance;
  return (
    <>
      {floods.slice(0, FLOODS_SHOWN).map(({ id, alarms: count, from, standing, explained, mostly }) => {
        const root = mostly && [...alarms.value.values()].find(({ rule }) => rule === mostly.name);
        const name =
          mostly === undefined
            ? undefined
            : root === undefined
              ? assetNames(mostly.name).name
              : assetNames(root.asset).name;
        return (
          <p key={id} class="flood-now" role="status">
            <b>{words.floodNow(count, site.value.minute(from))}</b> {words.floodStanding(standing)}
            {explained > 0 && ` ${words.floodExplained(explained)}`}
            {name !== undefined && mostly !== undefined && ` ${words.floodMostly(name, mostly.alarms)}`}
            {root !== undefined && <a href={hrefOf({ page: 'alarms', alarm: root.id })}>{words.showFlood}</a>}
          </p>
        );
      })}
    </>
  );
}
