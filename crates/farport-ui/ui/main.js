// Takes the token from the address, opens the stream of events, and shows the page.

import { takeToken } from './api.js';
import { follow, view } from './store.js';
import { html, render } from './ui.js';
import { App } from './views/app.js';

const root = document.getElementById('app');
root.replaceChildren();
view.value = takeToken() ?? view.value;
follow();
render(html`<${App} />`, root);
