// Pastes an image from the clipboard into the drop zone; the same limits and checks apply as for a dropped file.
// Nothing else is read from the clipboard.
const ENDINGS = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/bmp': 'bmp', 'image/tiff': 'tif', 'image/webp': 'webp' };

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button');
  const status = parentElement.querySelector('[role=status]');

  const addFiles = (files) => {
    const pictures = files.filter((file) => file.type in ENDINGS);
    const zone = document.querySelector(data.zone);
    if (!pictures.length || !zone) return false;
    const transfer = new DataTransfer();
    for (const file of pictures) {
      // Browsers give every pasted picture the same name; a copied file keeps its own.
      const name = /^image\.\w+$/.test(file.name || 'image.png') ? `Pasted image.${ENDINGS[file.type]}` : file.name;
      transfer.items.add(new File([file], name, { type: file.type }));
    }
    zone.files = transfer.files;
    zone.dispatchEvent(new Event('change', { bubbles: true }));
    status.textContent = '';
    return true;
  };

  const onPaste = (event) => {
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest('input, textarea, [contenteditable=true]')) return;
    const files = [...(event.clipboardData?.files ?? [])];
    if (addFiles(files)) event.preventDefault();
    else status.textContent = data.nothing;
  };

  button.onclick = async () => {
    try {
      const items = await navigator.clipboard.read();
      const found = await Promise.all(items.map(async (item) => {
        const type = item.types.find((type) => type in ENDINGS);
        return type ? [new File([await item.getType(type)], '', { type })] : [];
      }));
      if (!addFiles(found.flat())) status.textContent = data.nothing;
    } catch {
      status.textContent = data.refused;
    }
  };

  document.addEventListener('paste', onPaste);
  return () => document.removeEventListener('paste', onPaste);
}
