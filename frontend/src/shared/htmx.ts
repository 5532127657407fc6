// htmx, as <meta name="htmx-config"> wants it: without styles of its own. The policy forbids what
// it would evaluate (`hx-on`, `js:`, filters in brackets), so none of that is used.

import htmx from "htmx.org";

export default htmx;
