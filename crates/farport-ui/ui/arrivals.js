// Which entries of the timeline have just arrived.

/**
 * Returns a function that says of each event, in order, whether it is an entry that is new to the page. A stream
 * starts with the timeline so far, and then the state. What the first stream starts with is older than the page;
 * of a later one, only what the page missed is new. Where the chunks of a stream end makes no difference.
 */
export function arrivals() {
  let newest = -1;
  let started = false;
  return (event) => {
    if (event.type === 'state') started = true;
    if (typeof event.seq !== 'number' || event.seq <= newest) return false;
    newest = event.seq;
    return started;
  };
}
