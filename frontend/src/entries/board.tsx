// The order board of a merchant.

import { render } from "preact";
import { App } from "../board/app.tsx";
import { listenToKeys } from "../board/keys.ts";
import { begin } from "../board/state.ts";

const root = document.getElementById("board");
if (root) {
  root.replaceChildren();
  render(<App />, root);
  begin();
  listenToKeys();
}
