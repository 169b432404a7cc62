import { writeNumber, writingOf } from '../format.ts';
import type { Leak, LeakPlace, LeakSensor } from '../leak.ts';
import { labelPlaces, planOf, scaleBarOf } from '../plan.ts';
import { hrefOf } from '../route.ts';
import { devices, language, model, pressureUnit, text } from '../state.ts';
import { said } from '../text/gateway-zh.ts';
import { deviceNames } from './name.tsx';
import { useWidth } from './use-width.ts';

/** Sensors that fell by less than this many of their deviations tell nothing. */
const FELL_SIGMAS = 2;
const SENSORS_SHOWN = 6;
const PIPES_SHOWN = 6;

/** Where a leak is: the ranked pipes on a schematic, or the sensors on a plan with the circle, or the zone alone. */
export function LeakWhere({ leak }: { leak: Leak }) {
  return (
    <div class="leak-where">
      <LeakPipes leak={leak} />
      <LeakSensors leak={leak} />
    </div>
  );
}

/** What the hydraulic model or the pattern says: in words, and the likely pipes. */
export function LeakPipes({ leak: { place } }: { leak: Leak }) {
  if (place === undefined) return null;
  return (
    <div class="leak-where">
      <PlaceInWords place={place} />
      {place.pipes.length > 0 && <PipeSchematic place={place} />}
    </div>
  );
}

/** The sensors: where they stand, and how far each fell. */
export function LeakSensors({ leak }: { leak: Leak }) {
  const words = text.value.leakage;
  const { place, sensors } = leak;
  const fell = sensors.filter(({ sigmas = FELL_SIGMAS }) => sigmas >= FELL_SIGMAS);
  return (
    <div class="leak-where">
      <SensorPlan leak={leak} />
      {sensors.length === 0 ? (
        place === undefined && <p class="faint">{words.onlyZone}</p>
      ) : fell.length === 0 ? (
        <p class="faint">{words.noSensorFell}</p>
      ) : (
        <>
          <h4>{words.sensorsFell}</h4>
          <ol class="ranked">
            {fell.slice(0, SENSORS_SHOWN).map((sensor) => (
              <SensorLine key={sensor.point} sensor={sensor} most={fell[0]?.sigmas ?? 1} />
            ))}
          </ol>
        </>
      )}
    </div>
  );
}

function PlaceInWords({ place }: { place: LeakPlace }) {
  const words = text.value.leakage;
  const { basis, model: name, pipe, radiusM, probability, doubt, about, leftOut } = place;
  const metres = (value: number) => writeNumber(Math.round(value), 0);
  return (
    <>
      {pipe !== undefined && radiusM !== undefined && (
        <p>
          <b>{words.within(metres(radiusM), pipe)}</b>
          {probability !== undefined && `, ${words.chance(`${Math.round(probability * 100)} %`)}`}
        </p>
      )}
      {pipe === undefined && about !== undefined && (
        <p>
          <b>
            {words.aboutPlace(metres(about.radiusM), `${about.latitude.toFixed(4)}, ${about.longitude.toFixed(4)}`)}
          </b>
        </p>
      )}
      {doubt !== undefined && (
        <p>
          {words.notSure}: {said(doubt, language.value)}
        </p>
      )}
      <p class="faint">
        {basis === 'hydraulic model' ? words.byModel(name ?? '') : words.byPattern}
        {leftOut.length > 0 && `, ${words.leftOut(leftOut.join(', '))}`}
      </p>
    </>
  );
}

const STRIP_HEIGHT = 74;

/** The likely pipes by their distance along the network from the likeliest; a thicker stem is likelier. */
function PipeSchematic({ place }: { place: LeakPlace }) {
  const words = text.value.leakage;
  const [at, width] = useWidth<HTMLDivElement>(360);
  const { pipe = '', radiusM = 0 } = place;
  const pipes = place.pipes.slice(0, PIPES_SHOWN);
  const far = Math.max(radiusM, ...pipes.map(({ distanceM = 0 }) => distanceM), 1);
  const most = Math.max(...pipes.map(({ probability }) => probability), 1e-9);
  const x = (metres: number) => 10 + (metres / far) * (width - 28);
  const base = STRIP_HEIGHT - 20;
  return (
    <div ref={at}>
      <h4>{words.likelyPipes}</h4>
      <svg
        class="pipe-strip"
        width={width}
        height={STRIP_HEIGHT}
        role="img"
        aria-label={words.schematicOf(pipe, String(Math.round(radiusM)))}
      >
        <rect x={x(0) - 8} y="4" width={x(radiusM) - x(0) + 8} height={base - 4} class="pipe-radius" />
        <path d={`M${x(0) - 8} ${base}H${width - 6}`} class="pipe-axis" />
        {pipes.map(({ pipe: name, probability, distanceM }, rank) =>
          distanceM === undefined ? null : (
            <path
              key={name}
              d={`M${x(distanceM)} ${base}V${base - 8 - (probability / most) * (base - 16)}`}
              stroke-width={1.5 + 5 * (probability / most)}
              class={rank === 0 ? 'pipe-first' : 'pipe-stem'}
            />
          ),
        )}
        <text x={x(0) - 8} y={STRIP_HEIGHT - 5} class="leak-axis">
          {pipe}
        </text>
        <text x={x(radiusM)} y={STRIP_HEIGHT - 5} class="leak-axis" text-anchor="middle">
          {words.pipeDistance(writeNumber(Math.round(radiusM), 0))}
        </text>
        {far > radiusM * 1.25 && (
          <text x={width - 8} y={STRIP_HEIGHT - 5} class="leak-axis" text-anchor="end">
            {words.pipeDistance(writeNumber(Math.round(far), 0))}
          </text>
        )}
      </svg>
      <ol class="ranked">
        {pipes.map(({ pipe: name, probability, distanceM }) => (
          <li key={name}>
            <span>{name}</span>
            <i style={{ '--part': String(probability / most) }} />
            <b>{probability >= 0.005 ? `${Math.round(probability * 100)} %` : '< 1 %'}</b>
            <em>{distanceM === undefined ? '' : words.pipeDistance(writeNumber(distanceM, 0))}</em>
          </li>
        ))}
      </ol>
    </div>
  );
}

function SensorLine({ sensor, most }: { sensor: LeakSensor; most: number }) {
  const { point: id, drop, sigmas } = sensor;
  const point = model.peek().points.get(id);
  const device = id.split('/')[0] ?? id;
  const { name } = deviceNames(devices.value.get(device), id);
  // Evidence tells drops in metres of water, whatever the logger's unit.
  const writing = writingOf('m[H2O]', drop ?? 0, pressureUnit.value);
  return (
    <li>
      <span>{point === undefined ? name : <a href={hrefOf({ page: 'explore', point: id })}>{name}</a>}</span>
      <i style={{ '--part': String(sigmas === undefined ? 1 : Math.min(1, sigmas / most)) }} />
      <b>{drop === undefined ? '' : `${writeNumber(-writing.show(drop), writing.decimals)} ${writing.label}`}</b>
      <em>{sigmas === undefined ? '' : text.value.leakage.sigmas(writeNumber(sigmas, 1))}</em>
    </li>
  );
}

const PLAN_HEIGHT = 150;

/** Sensors where they stand, bigger the clearer they fell, and the circle the leak is in. North is up. */
function SensorPlan({ leak }: { leak: Leak }) {
  const words = text.value.leakage;
  const [at, width] = useWidth<HTMLDivElement>(360);
  const placed = leak.sensors.flatMap((sensor) => {
    const device = devices.value.get(sensor.point.split('/')[0] ?? '');
    return device?.latitude === undefined || device.longitude === undefined
      ? []
      : [
          {
            ...sensor,
            latitude: device.latitude,
            longitude: device.longitude,
            name: deviceNames(device, device.id).name,
          },
        ];
  });
  const about = leak.place?.about;
  if (placed.length < 2 && (placed.length === 0 || about === undefined)) return <div ref={at} />;
  const { place, metresPerPixel } = planOf([...placed, ...(about === undefined ? [] : [about])], width, PLAN_HEIGHT);
  const bar = scaleBarOf(metresPerPixel);
  const middle = about === undefined ? undefined : place(about);
  const labels = labelPlaces(
    placed.map((sensor) => ({ ...place(sensor), text: sensor.name })),
    width,
    [
      { left: width - 24, right: width, top: 0, bottom: 30 },
      { left: 0, right: 70 + bar.px, top: PLAN_HEIGHT - 18, bottom: PLAN_HEIGHT },
    ],
  );
  return (
    <div ref={at}>
      <svg class="plan" width={width} height={PLAN_HEIGHT} role="img" aria-label={words.planOf}>
        {middle !== undefined && about !== undefined && (
          <circle cx={middle.x} cy={middle.y} r={about.radiusM / metresPerPixel} class="plan-circle" />
        )}
        {placed.map((sensor, index) => {
          const { x, y } = place(sensor);
          const fell = (sensor.sigmas ?? 0) >= FELL_SIGMAS;
          const label = labels[index];
          return (
            <g key={sensor.point}>
              <circle
                cx={x}
                cy={y}
                r={fell ? 5 + Math.min(4, (sensor.sigmas ?? 0) / 5) : 4.5}
                class={fell ? 'plan-fell' : 'plan-sensor'}
              >
                <title>{sensor.name}</title>
              </circle>
              {label !== undefined && (
                <text x={label.x} y={label.y} class="leak-axis" text-anchor={label.anchor}>
                  {sensor.name}
                </text>
              )}
            </g>
          );
        })}
        <path d={`M12 ${PLAN_HEIGHT - 10}v4h${bar.px}v-4`} class="pipe-axis" fill="none" />
        <text x={18 + bar.px} y={PLAN_HEIGHT - 7} class="leak-axis">
          {bar.metres >= 1000 ? `${bar.metres / 1000} km` : `${bar.metres} m`}
        </text>
        <path d={`M${width - 16} 26V10l-4 6m4-6l4 6`} class="pipe-axis" fill="none" />
      </svg>
    </div>
  );
}
