/**
 * What the gateway says in English sentences of its own, in Chinese. Words that are not here stay as they came:
 * better English than nothing.
 */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  // Why a figure is absent, and what it rests on
  [/^no inlet meter$/, '没有进水表'],
  [/^inlets and outlets are known for (\d+ %) of the time$/, '进出水量只有 $1 的时间有数据'],
  [/^the level of a tank is missing$/, '缺少水池液位'],
  [/^no customer meters are configured$/, '未配置用户水表'],
  [/^customer meters are known for (\d+ %) of the time$/, '用户水表只有 $1 的时间有数据'],
  [/^meters of (\d+ %) of the demand, extended to all of it$/, '水表覆盖 $1 用水，已推算至全部'],
  [/^needs the supplied and the registered volume$/, '需要供水量和注册用户用水量'],
  [/^no corrections .* are configured$/, '未配置修正值（抄表到户、管长、压力、冻土）'],
  [/^CJJ 92 grades the rate of a whole year$/, 'CJJ 92 只对整年评级'],
  [/^no night with an hour of flow without holes$/, '没有一个夜间有完整一小时的流量'],
  [/^population is not configured$/, '未配置人口'],
  [/^needs night flow and legitimate night use$/, '需要夜间流量和夜间合理用水'],
  [/^mainsKm and connections are not configured$/, '未配置管长和接户数'],
  [/^no pressure is measured or configured$/, '没有实测或配置的压力'],
  [/^needs the unavoidable losses$/, '需要不可避免漏失'],
  [/^no real losses by balance or by night flow$/, '没有按平衡或夜间流量得出的漏失'],
  [/^no unavoidable losses$/, '没有不可避免漏失'],
  [/^outside the limits of the formula: (.*)$/, '超出公式适用范围：$1'],
  [/fewer than (\d+) connections/, '接户少于 $1'],
  [/pressure below (\d+) m/, '压力低于 $1 m'],
  [/below 1: inputs contradict each other/, '小于 1：输入相互矛盾'],
  [/^least mean over one hour of each night, mean of the nights$/, '每夜最小一小时均值，各夜平均'],
  [/^20th percentile of the last (\d+) nights$/, '最近 $1 夜的 20 分位'],
  [/^6 % of the people use 10 l an hour$/, '6 % 的人每小时用水 10 l'],
  [/^net night flow x night-to-day factor$/, '净夜间流量 × 昼夜换算系数'],
  [/^mean of the sensors$/, '各测点平均'],
  [/^no pressures over a whole day: leakage by day as at night$/, '没有整日压力：按昼夜漏失相同'],
  [/^pressures by hour, exponent (.*)$/, '按逐时压力，指数 $1'],
  [/^40 l\/km\/h mains, 4 l\/connection\/h at 50 m$/, '50 m 时管道 40 l/km/h，接户 4 l/户/h'],
  [/^real losses by night flow$/, '漏失按夜间流量'],
  [/^real losses by the water balance$/, '漏失按水量平衡'],
  [/^no balance at present: (.*) tells? nothing$/, '目前无法平衡：$1 无数据'],
  // What a leak was told apart from
  [/^meter fault: flow known in (\d+) of (\d+) bins since/, '仪表故障：此后 $2 个时段中 $1 个有流量数据'],
  [/; (\S+) shows (\d+) like values in a row, by itself up to (\d+)$/, '；$1 连续 $2 个相同值，自身最多 $3 个'],
  [
    /^meter drift: (\d+) of (\d+) pressures fell, too, (\S+) by (\S+) m$/,
    '仪表漂移：$2 个压力测点中 $1 个同时下降，$3 降 $4 m',
  ],
  [/^meter drift: it came within (\S+) h, a drift takes weeks$/, '仪表漂移：$1 小时内出现，漂移需数周'],
  [/^meter drift: not checked, no pressure sensor in this zone$/, '仪表漂移：未核查，本分区没有压力测点'],
  [
    /^meter drift: not ruled out, none of (\d+) pressures fell clearly$/,
    '仪表漂移：不能排除，$1 个压力测点均未明显下降',
  ],
  [/^supply interruption: least (\d+ %) of the expectation within (\S+) h$/, '停水：$2 小时内最低为预期的 $1'],
  [/^supply interruption: not checked, the expectation is not known$/, '停水：未核查，预期流量未知'],
  [
    /^flushing, fire flow: (\S+) m3\/h by the minute is more than two hydrants draw and than passed here before$/,
    '冲洗、消防：逐分钟 $1 m³/h，超过两个消火栓的用水，也超过此处以往的短时用水',
  ],
  [
    /^flushing, fire flow, irrigation: it lasts for (\S+) h, none of late$/,
    '冲洗、消防、灌溉：已持续 $1 小时，近期没有短时用水',
  ],
  [
    /^flushing, fire flow, irrigation: it lasts for (\S+) h, the longest that ended by itself of late (\S+) h$/,
    '冲洗、消防、灌溉：已持续 $1 小时，近期自行结束的最长 $2 小时',
  ],
  [/^holiday: not checked, the shape of days is not known yet$/, '节假日：未核查，日用水形态尚未学到'],
  [
    /^holiday: not ruled out, the shape of the last day strays (\S+) times as usual$/,
    '节假日：不能排除，最近一日形态偏离为平常的 $1 倍',
  ],
  [/^holiday: the shape of the last day strays (\S+) times as usual$/, '节假日：最近一日形态偏离为平常的 $1 倍'],
  [
    /^boundary valve: not checked, no other metered zone with a known flow$/,
    '边界阀：未核查，没有其他有流量数据的分区',
  ],
  [
    /^boundary valve: not ruled out, (\S+) takes (\S+) m3\/h less than expected$/,
    '边界阀：不能排除，$1 比预期少 $2 m³/h',
  ],
  [
    /^boundary valve: no other zone takes clearly less, (\S+) (\S+) m3\/h$/,
    '边界阀：没有其他分区明显减少，$1 为 $2 m³/h',
  ],
  [/^tank: what its level took or gave is taken off \((\d+)\)$/, '水池：液位变化的水量已扣除（$1 座）'],
  [/^tank: not checked, no level of a tank in this zone$/, '水池：未核查，本分区没有水池液位'],
  [
    /^planned works: not checked here; a maintenance window of the zone suppresses the alarm$/,
    '计划作业：此处不核查；分区的检修时段会抑制报警',
  ],
  // Why a leak's place is in doubt
  [/^no single leak explains the pressures$/, '单个漏点不能解释各处压力'],
  [/^the pattern of the pressures is not that of a leak$/, '压力分布不像漏点'],
  [/^the pressures want a leak of (\S+) times the size that the flow tells$/, '压力对应的漏量为流量所示的 $1 倍'],
  [/^too many pipes explain the pressures equally well$/, '能同样解释压力的管段过多'],
  [/^the pressures are those of the leak of alarm (\S+), which is open$/, '这些压力属于尚未结束的漏点报警 $1'],
  [/^the model has no pipes around the sensors of the zone$/, '模型中该分区测点周围没有管段'],
  [
    /^(\d+) pressure sensors of the zone are nodes of the model; at least (\d+)$/,
    '该分区有 $1 个压力测点是模型节点，至少需要 $2 个',
  ],
  [/^too little history before it began$/, '发生前的历史数据太少'],
  // Alarm performance
  [/^mean per 10 minutes$/, '每 10 分钟平均'],
  [/^mean per day$/, '每日平均'],
  [/^busiest 10 minutes of a day$/, '一日最忙 10 分钟'],
  [/^share of 10-minute slots above 10$/, '超过 10 条的 10 分钟占比'],
  [/^share of time in flood$/, '报警泛滥时间占比'],
  [/^share of the ten loudest rules$/, '前十规则占比'],
  [/^chattering rules$/, '抖动规则'],
  [/^fleeting rules$/, '瞬时规则'],
  [/^stale alarms$/, '长期未消报警'],
  [/^share of priority (\d)$/, '优先级 $1 占比'],
  [/^1 \(2 at most\)$/, '1（至多 2）'],
  [/ \(judged from (\d+) alarms on\)$/, '（满 $1 条后评判）'],
  [/^fewer than 5 on any day$/, '任一日少于 5'],
  [/^below 1 % of four priorities/, '四级中低于 1 %'],
  [/^about (\d+ %)/, '约 $1'],
  [/monitoring and assessment/, '监视与评估'],
  [/; no longer in ISA-18\.2-2016/, '；ISA-18.2-2016 已取消'],
  [/, 3rd edition: steady and upset apart/, ' 第 3 版：平稳与扰动分开'],
  [
    /^repair it, shelve it with an end, or put it out of service with its work order$/,
    '请修复、限期搁置，或随工单停用',
  ],
  [/^no deadband or delay would have helped: .*$/, '死区与延时都无济于事：请检查限值与仪表'],
  [/^all$/, '全部'],
];

/** A sentence of the gateway in the language of the page. */
export function said(sentence: string, language: 'en' | 'zh'): string {
  if (language === 'en') return sentence;
  return SENTENCES.reduce((text, [pattern, words]) => text.replace(pattern, words), sentence);
}
