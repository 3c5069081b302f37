import { escapeHtml } from './html-text.ts';

/**
 * A whole document; all pages begin alike.
 *
 * @param title as text
 * @param style address of the style sheet
 * @param head further elements of the head
 * @param attributes of the root, each with a blank before it
 */
export function htmlDocument({
  title,
  style,
  head = '',
  body,
  attributes = '',
}: {
  readonly title: string;
  readonly style: string;
  readonly head?: string;
  readonly body: string;
  readonly attributes?: string;
}): string {
  return `<!doctype html>
<html lang="en"${attributes}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style}">
${head}
</head>
<body>
${body}
</body>
</html>
`;
}
