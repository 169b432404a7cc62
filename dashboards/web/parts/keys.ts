/** Whether a key press is the page's: not a shortcut of the browser, not typed into a field, not a menu's or a dialog's. */
export function isForPage(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target instanceof Element ? event.target : undefined;
  return (
    target?.closest('input:not([type=checkbox]), select, textarea, dialog, [role=menu], [role=listbox]') === null ||
    target === undefined
  );
}
