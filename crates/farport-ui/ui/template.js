// URI templates (RFC 6570): names of the variables, and expansion.

const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g;
const RULES = {
  '': ['', ',', false, '', false],
  '+': ['', ',', false, '', true],
  '#': ['#', ',', false, '', true],
  '.': ['.', '.', false, '', false],
  '/': ['/', '/', false, '', false],
  ';': [';', ';', true, '', false],
  '?': ['?', '&', true, '=', false],
  '&': ['&', '&', true, '=', false],
};

const parts = (list) => list.split(',').map((one) => {
  const [, name, explode, prefix] = /^([^*:]+)(\*)?(?::(\d+))?$/.exec(one.trim()) ?? [null, one.trim()];
  return { name, explode: explode === '*', prefix: prefix === undefined ? undefined : Number(prefix) };
});

/** The variables of a template, in order. @param {string} template */
export function variables(template) {
  const found = new Set();
  for (const [, , list] of template.matchAll(EXPRESSION)) for (const { name } of parts(list)) found.add(name);
  return [...found];
}

function encode(text, reserved) {
  const all = encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  if (!reserved) return all;
  return text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]+/gu, (piece) => (/^%[0-9A-Fa-f]{2}$/.test(piece) ? piece : encodeURIComponent(piece)));
}

/** The URI that a template gives with these values. Absent values are left out. */
export function expand(template, values) {
  return template.replace(EXPRESSION, (_, operator, list) => {
    const [first, separator, named, ifEmpty, reserved] = RULES[operator];
    const pieces = parts(list).flatMap(({ name, prefix, explode }) => {
      if (!Object.hasOwn(values, name) || values[name] === undefined) return [];
      const several = Array.isArray(values[name]) ? values[name].map(String) : [String(values[name])];
      const encoded = several.map((one) => encode(prefix === undefined ? one : [...one].slice(0, prefix).join(''), reserved));
      const label = (one) => (named ? `${name}${one === '' ? ifEmpty : `=${one}`}` : one);
      if (explode) return encoded.map(label);
      return several.length === 0 ? [] : [label(encoded.join(','))];
    });
    return pieces.length === 0 ? '' : first + pieces.join(separator);
  });
}
