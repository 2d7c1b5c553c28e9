// The sandbox proxy of MCP Apps. It shows the view in its own frame, and passes messages between
// the view and the inspector's page. It takes them from these two windows only.

(() => {
  'use strict';
  /** The longest message of a view, in characters. */
  const LONGEST = 8 * 1024 * 1024;
  const RESERVED = 'ui/notifications/sandbox-';
  // Only the inspector's page may show the proxy (frame-ancestors), and it names its origin.
  const page = location.hash.slice(1);
  if (window.parent === window || !/^http:\/\/(127\.0\.0\.1|localhost):\d+$/.test(page)) return;
  let view;

  const notify = (method, params = {}) => window.parent.postMessage(JSON.stringify({ jsonrpc: '2.0', method, params }), page);

  function fromPage(text) {
    const message = JSON.parse(text);
    if (message.method === `${RESERVED}resource-ready`) {
      if (view !== undefined || !/^\/view\/[A-Za-z0-9_-]+$/.test(message.params.path)) return;
      view = document.createElement('iframe');
      view.title = 'App';
      view.setAttribute('sandbox', 'allow-scripts allow-forms');
      view.referrerPolicy = 'no-referrer';
      view.src = message.params.path;
      document.body.append(view);
    } else if (typeof message.method !== 'string' || !message.method.startsWith(RESERVED)) {
      // The view has an opaque origin, which no target origin names.
      view?.contentWindow.postMessage(message, '*');
    }
  }

  function fromView(message) {
    if (typeof message !== 'object' || message === null || message.jsonrpc !== '2.0') return;
    if (typeof message.method === 'string' && message.method.startsWith(RESERVED)) return;
    let text;
    try {
      text = JSON.stringify(message);
    } catch {
      return;
    }
    if (text.length > LONGEST) notify(`${RESERVED}proxy-refused`, { length: text.length });
    else window.parent.postMessage(text, page);
  }

  window.addEventListener('message', (event) => {
    if (event.source === window.parent && event.origin === page && typeof event.data === 'string') fromPage(event.data);
    else if (view !== undefined && event.source === view.contentWindow) fromView(event.data);
  });
  notify(`${RESERVED}proxy-ready`);
})();
