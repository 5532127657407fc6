// What every page has: parts that are asked for again, dialogs, and words about what was done.

import "../shared/htmx.ts";
import { listen } from "../shared/openers.ts";

listen();
