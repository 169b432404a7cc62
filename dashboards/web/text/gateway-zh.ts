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
  [/^a holiday or another sort of day: .*$/, '节假日或特殊日：近几周的夜间或全天数据不符'],
  [/^flushing or fire flow: it lasts$/, '冲洗或消防用水：持续时间过长'],
  [/^a gap or a stuck meter: such samples are left out$/, '缺数或仪表卡滞：此类样本未采用'],
  [/^season and weather: they scale the whole day$/, '季节与天气：影响应是全天同比例'],
  [/^irrigation: the lowest night hour rose, too$/, '灌溉：夜间最低小时同样升高'],
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
