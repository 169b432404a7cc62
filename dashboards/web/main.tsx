import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/details.css';
import './styles/pages.css';
import { App } from './app.tsx';
import { startRinging } from './ringing.ts';
import { loadSession, startBrowser } from './state.ts';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no #app');
startBrowser();
startRinging();
void loadSession();
render(<App />, place);
