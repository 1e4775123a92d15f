// The files of a drop, those inside dropped folders included.

// What systems keep in folders of their own accord, unseen: nobody meant to send it.
const HIDDEN = /^(\..*|thumbs\.db|desktop\.ini|__macosx)$/i;

/**
 * Answers `{items, unread}`: each item as `{file, path}`, where `path` is its place in the dropped folder, and empty for a
 * file that was dropped alone; and the names of what could not be read.
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return { items: chosen(transfer.files), unread: [] };
  const unread = [];
  const items = await allBelow(entries, unread);
  return { items, unread };
}

export const chosen = (files) => [...files].map((file) => ({ file, path: '' }));

async function allBelow(entries, unread) {
  const found = entries.map((entry) =>
    filesBelow(entry, unread).catch(() => {
      unread.push(entry.name);
      return [];
    }),
  );
  return (await Promise.all(found)).flat();
}

async function filesBelow(entry, unread) {
  if (entry.isFile) {
    const file = await new Promise((found, failed) => entry.file(found, failed));
    return [{ file, path: entry.fullPath }];
  }
  const reader = entry.createReader();
  const below = [];
  for (;;) {
    // A reader hands out its entries in portions; an empty one is the last.
    const portion = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (portion.length === 0) return allBelow(below, unread);
    below.push(...portion.filter(({ name }) => !HIDDEN.test(name)));
  }
}
