"""Registering, signing in and out, profiles, and the keys that verify our tokens.

The application's state holds `settings: Settings`, `tokens: Tokens`, `passwords: Passwords`,
`sealer: Sealer`, `oidc: Providers` and `default_tenant_id`.
"""

from typing import Final

from tawsil.identity.routes import (
    api_keys,
    client_tokens,
    external,
    keys,
    mailed,
    profile,
    secrets,
    services,
    sessions,
    sign_in,
    users,
)

routes: Final = [
    *sign_in.routes,
    *mailed.routes,
    *sessions.routes,
    *profile.routes,
    *secrets.routes,
    *users.routes,
    *keys.routes,
    *api_keys.routes,
    *services.routes,
    *client_tokens.routes,
    *external.routes,
]
