// What every page has: parts that are asked for again, dialogs, and the session kept.

import "../shared/htmx.ts";
import { listen } from "../shared/openers.ts";
import { keepAlive } from "../shared/session.ts";

listen();
keepAlive();
