import type { ComponentChildren } from 'preact';
import { Logo } from '../parts/icon.tsx';
import { Waves } from '../parts/waves.tsx';
import { language, setPreferences, text, theme } from '../state.ts';
import { en } from '../text/en.ts';
import { zh } from '../text/zh.ts';

/** The two-sided page before the frame: the lake at the left, a form at the right. */
export function Entrance({ children, foot }: { children: ComponentChildren; foot: ComponentChildren }) {
  const words = text.value;
  const other = language.value === 'zh' ? en : zh;
  const otherTag = language.value === 'zh' ? 'en' : 'zh-CN';
  return (
    <div class="entrance">
      <div class="lake">
        <Waves />
        <div class="brand">
          <Logo size={50} />
          <div>
            <b>{words.product}</b>
            <span lang={otherTag}>{language.value === 'zh' ? 'Hanfeng' : '汉丰物联网关'}</span>
          </div>
        </div>
        <div class="saying">
          <p>{words.tagline}</p>
          <span lang={otherTag}>{other.tagline}</span>
        </div>
      </div>
      <main class="entrance-form">
        <div class="entrance-switches">
          <button
            type="button"
            class="button small quiet"
            lang={otherTag}
            onClick={() => setPreferences({ language: language.value === 'zh' ? 'en' : 'zh' })}
          >
            {words.otherLanguage}
          </button>
          <button
            type="button"
            class="button small quiet"
            onClick={() => setPreferences({ theme: theme.value === 'dark' ? 'light' : 'dark' })}
          >
            {theme.value === 'dark' ? words.light : words.dark}
          </button>
        </div>
        <div class="entrance-middle">{children}</div>
        <footer class="entrance-foot">{foot}</footer>
      </main>
    </div>
  );
}
