"""Settings: from the environment (`TAWSIL_…`), then a `tawsil.toml`, then defaults. Validated."""

import re
from base64 import b64decode
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableError

Port = Annotated[int, Field(ge=0, le=65_535)]
SECRET_KEY_BYTES: Final = 32
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]+)?|https?://\[[0-9a-f:]+\](:[0-9]+)?")


_RELAY: Final = re.compile(r"\+[0-9]{6,15}(?:[,;](?:[0-9,;#*]|\{order\}|\{to\})+)?")


class SettingsError(RuntimeError):
    """A setting that cannot be used; the message says which, why, and where it is set."""


class OidcProvider(BaseModel):
    """Somebody else who says who people are. `issuer` is its address, as its documents spell it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    label: str | None = None
    issuer: str
    client_id: Annotated[str, Field(min_length=1)]
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    allow_sign_up: bool = False
    tenant: UUID | None = None

    @field_validator("issuer")
    @classmethod
    def _safe(cls, value: str) -> str:
        if safe_address(value):
            return value
        raise ValueError("must be an https:// address (or http:// on this machine)")

    @field_validator("scopes")
    @classmethod
    def _asks_who(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" in value:
            return value
        raise ValueError("must contain openid")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="TAWSIL_", toml_file="tawsil.toml", extra="forbid", populate_by_name=True
    )

    environment: str = "development"
    data: Path = Path(".tawsil")
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "TAWSIL_DATABASE_URL")
    )
    host: str = "127.0.0.1"
    port: Port = 8400
    public_url: str | None = None
    log_level: str = "INFO"
    log_format: str = "json"

    secret_keys: SecretStr | None = None

    issuer: str = "tawsil"
    access_token_s: Annotated[int, Field(ge=60, le=86_400)] = 600
    refresh_token_s: Annotated[int, Field(ge=3_600)] = 31 * 86_400
    signing_key_days: Annotated[int, Field(ge=1, le=3_650)] = 90

    oidc_providers: tuple[OidcProvider, ...] = ()

    smtp_url: SecretStr | None = None
    mail_from: str = "Tawsil <tawsil@localhost>"

    graphql_introspection: bool = True

    providers: str = "direct"
    psp_url: str = "http://127.0.0.1:8401"
    psp_api_key: SecretStr = SecretStr("sandbox-key")
    psp_webhook_secrets: SecretStr = Field(
        default=SecretStr("sandbox-webhook-secret"),
        validation_alias=AliasChoices("TAWSIL_PSP_WEBHOOK_SECRETS", "TAWSIL_PSP_WEBHOOK_SECRET"),
    )
    psp_card_field: str | None = None
    """Where the acquirer's own field for a card is; the sandbox's unless said."""
    psp_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    stripe_url: str = "http://127.0.0.1:8402"
    stripe_api_key: SecretStr = SecretStr("sk_test_sandbox")
    stripe_webhook_secrets: SecretStr = SecretStr("whsec_sandbox")
    stripe_card_field: str | None = None
    stripe_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0

    map_style_url: str | None = None

    dispatch_tick_s: Annotated[float, Field(gt=0, le=60)] = 1.0

    call_relays: dict[str, str] = {}
    """By the slug of a city, or `*`: a number to dial, such as `+97140000000,,{order}*{to}#`."""

    valkey_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("VALKEY_URL", "TAWSIL_VALKEY_URL")
    )
    trusted_proxies: str = ""
    rate_limits_exempt: str = ""
    cors_origins: str = ""

    @field_validator("call_relays")
    @classmethod
    def _numbers_to_dial(cls, value: dict[str, str]) -> dict[str, str]:
        for city, template in value.items():
            if not _RELAY.fullmatch(template):
                raise ValueError(f"{city}: must be like +97140000000,,{{order}}*{{to}}#")
        return value

    @field_validator("map_style_url")
    @classmethod
    def _style_safe(cls, value: str | None) -> str | None:
        if value is None or (safe_address(value) and _ORIGIN.fullmatch(_origin_of(value))):
            return value
        raise ValueError("must be an https:// address (or http:// on this machine)")

    @field_validator("trusted_proxies", "rate_limits_exempt")
    @classmethod
    def _networks_only(cls, value: str) -> str:
        for part in value.replace(",", " ").split():
            ip_network(part)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins_only(cls, value: str) -> str:
        for origin in value.replace(",", " ").split():
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin} is not an origin such as https://eats.example")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must be a postgresql:// address")
        return value

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None or re.fullmatch(r"https?://[^/?#\s@]+/?", value):
            return value and value.rstrip("/")
        raise ValueError("must be an address like https://tawsil.example.org, without a path")

    @field_validator("smtp_url")
    @classmethod
    def _smtp_only(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
                raise ValueError("must be smtp:// or smtps:// and a host")
        return value

    @field_validator("oidc_providers")
    @classmethod
    def _each_once(cls, value: tuple[OidcProvider, ...]) -> tuple[OidcProvider, ...]:
        if len({provider.name for provider in value}) < len(value):
            raise ValueError("each name can be given once")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _whole_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secret_keys_of(value.get_secret_value())
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @field_validator("log_format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value not in {"json", "console"}:
            raise ValueError("must be json or console")
        return value

    @property
    def url(self) -> str:
        """Where people and other services reach us; no slash at the end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    def card_field(self, provider: str) -> str:
        """The page of an acquirer's into which a card is typed, in a frame on ours."""
        stripe = provider == "stripe"
        chosen = self.stripe_card_field if stripe else self.psp_card_field
        return chosen or f"{self.stripe_url if stripe else self.psp_url}/field"

    @property
    def map_hosts(self) -> tuple[str, ...]:
        """Whom maps are fetched from besides us."""
        return () if self.map_style_url is None else (_origin_of(self.map_style_url),)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def secrets_of(setting: SecretStr) -> list[str]:
    """Each of several secrets that are valid at once, while one takes another's place."""
    return setting.get_secret_value().replace(",", " ").split()


def _origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def safe_address(address: str) -> bool:
    """Whether nobody on the way can read or change what is said there."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}


def secret_keys_of(setting: str) -> list[bytes]:
    """The keys of a setting, the one that seals first.

    Raises:
        ValueError: something in it is not a key.
    """
    keys = [b64decode(key, validate=True) for key in setting.replace(",", " ").split()]
    if not keys or any(len(key) != SECRET_KEY_BYTES for key in keys):
        raise ValueError("must be one or more keys of 32 bytes in base64, with commas between")
    return keys


def load_settings(**overrides: Any) -> Settings:
    """The settings in force.

    Raises:
        SettingsError: one sentence per setting that is wrong.
    """
    try:
        return Settings(**overrides)
    except UnreadableError as error:
        raise SettingsError(
            f"These settings cannot be used (environment TAWSIL_… or tawsil.toml): {error}"
        ) from None
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
        raise SettingsError(
            "These settings cannot be used (environment TAWSIL_… or tawsil.toml): "
            + "; ".join(wrong)
        ) from None
