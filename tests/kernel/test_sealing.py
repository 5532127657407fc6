import asyncio
import stat
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tawsil.kernel.sealing import KEY_FILE, Sealer, UnsealingError, open_sealer
from tawsil.kernel.settings import Settings, SettingsError, load_settings

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@given(secret=st.binary(max_size=200), about=st.text(max_size=50))
def test_what_was_sealed_comes_back(secret: bytes, about: str):
    sealer = Sealer([OLD])
    sealed = sealer.seal(secret, about=about)
    assert sealer.unseal(sealed, about=about) == secret
    assert sealer.seal(secret, about=about) != sealed


@given(data=st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject):
    sealed = Sealer([OLD]).seal(b"a secret", about="user/1")
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[at] ^= data.draw(st.integers(1, 255))
    for wrong in (bytes(changed), sealed[:at]):
        with pytest.raises(UnsealingError):
            Sealer([OLD]).unseal(wrong, about="user/1")


def test_a_secret_is_of_no_use_elsewhere():
    sealer = Sealer([OLD])
    with pytest.raises(UnsealingError):
        sealer.unseal(sealer.seal(b"a secret", about="user/1"), about="user/2")


def test_a_key_is_exchanged_with_the_old_one_behind_it():
    sealed = Sealer([OLD]).seal(b"a secret", about="x")
    both = Sealer([NEW, OLD])
    assert not both.is_under_first(sealed)
    again = both.seal(both.unseal(sealed, about="x"), about="x")
    assert both.is_under_first(again)
    assert Sealer([NEW]).unseal(again, about="x") == b"a secret"
    with pytest.raises(UnsealingError):
        Sealer([NEW]).unseal(sealed, about="x")


async def test_development_makes_one_key_however_many_need_it(tmp_path: Path):
    settings = Settings(data=tmp_path / "data", secret_keys=None)
    sealers = await asyncio.gather(*[asyncio.to_thread(open_sealer, settings) for _ in range(8)])
    sealed = sealers[0].seal(b"a secret", about="x")
    assert {sealer.unseal(sealed, about="x") for sealer in sealers} == {b"a secret"}
    file = settings.data / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in settings.data.iterdir()] == [KEY_FILE]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path):
    settings = Settings(data=tmp_path)
    open_sealer(settings)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_sealer(settings)


def test_elsewhere_keys_must_be_set(tmp_path: Path):
    with pytest.raises(SettingsError, match="TAWSIL_SECRET_KEYS"):
        open_sealer(Settings(data=tmp_path, environment="production"))
    keys = SecretStr(f"{b64encode(NEW).decode()}, {b64encode(OLD).decode()}")
    sealer = open_sealer(Settings(data=tmp_path, environment="production", secret_keys=keys))
    assert sealer.unseal(Sealer([OLD]).seal(b"s", about=""), about="") == b"s"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "short", "c2hvcnQ=", f"{b64encode(OLD).decode()},c2hvcnQ="])
def test_what_is_no_key_is_said_in_a_sentence(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAWSIL_SECRET_KEYS", value)
    with pytest.raises(SettingsError, match="secret_keys"):
        load_settings()
