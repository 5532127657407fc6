// What every page has: parts that are asked for again, and nothing that the policy forbids.

import "../shared/htmx";
