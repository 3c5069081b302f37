import { useEffect, useState } from 'preact/hooks';

const SERVICE = '#service/';

/** Where what is known of a service is shown. */
export function serviceHref(name: string): string {
  return SERVICE + encodeURIComponent(name);
}

/** The service that the address bar names, or null. */
export function useSelectedService(): string | null {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    // It may have changed since this was drawn.
    follow();
    return () => removeEventListener('hashchange', follow);
  }, []);
  if (!hash.startsWith(SERVICE)) return null;
  try {
    return decodeURIComponent(hash.slice(SERVICE.length));
  } catch {
    return null;
  }
}

/** Back to the page as a whole, without a jump to its top. */
export function deselect(): void {
  history.pushState(null, '', location.pathname);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
