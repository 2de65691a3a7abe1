// A picture from the clipboard goes into the drop zone, as if it had been dropped there: the same limits and
// checks hold for it. Nothing else is read from the clipboard.
const ENDINGS = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/bmp': 'bmp', 'image/tiff': 'tif', 'image/webp': 'webp' };

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button');
  const told = parentElement.querySelector('[role=status]');

  const handOver = (files) => {
    const pictures = files.filter((file) => file.type in ENDINGS);
    const zone = document.querySelector(data.zone);
    if (!pictures.length || !zone) return false;
    const transfer = new DataTransfer();
    for (const file of pictures) {
      // The browser calls every pasted picture the same; a file that was copied keeps its name.
      const name = /^image\.\w+$/.test(file.name || 'image.png') ? `Pasted picture.${ENDINGS[file.type]}` : file.name;
      transfer.items.add(new File([file], name, { type: file.type }));
    }
    zone.files = transfer.files;
    zone.dispatchEvent(new Event('change', { bubbles: true }));
    told.textContent = '';
    return true;
  };

  const onPaste = (event) => {
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest('input, textarea, [contenteditable=true]')) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (handOver(files)) event.preventDefault();
    else told.textContent = data.nothing;
  };

  button.onclick = async () => {
    try {
      const items = await navigator.clipboard.read();
      const found = await Promise.all(items.map(async (item) => {
        const type = item.types.find((type) => type in ENDINGS);
        return type ? [new File([await item.getType(type)], '', { type })] : [];
      }));
      if (!handOver(found.flat())) told.textContent = data.nothing;
    } catch {
      told.textContent = data.refused;
    }
  };

  document.addEventListener('paste', onPaste);
  return () => document.removeEventListener('paste', onPaste);
}
