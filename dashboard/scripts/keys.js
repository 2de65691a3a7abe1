// Keys of a page: each clicks the element whose selector `data` gives.
// They do nothing while the visitor types, or uses the key in a slider, list, table or dialog.
const BUSY = 'input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=slider], [role=grid], [role=dialog] *';

export default function ({ data }) {
  const press = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest(BUSY)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const element = Object.hasOwn(data, key) && document.querySelector(data[key]);
    if (!element || element.disabled) return;
    event.preventDefault();
    element.click();
  };
  document.addEventListener('keydown', press);
  return () => document.removeEventListener('keydown', press);
}
