from pathlib import Path

import pytest

from tawsil.kernel.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "TAWSIL_DATABASE_URL", "TAWSIL_PORT", "TAWSIL_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)


WRONG = {
    "TAWSIL_PORT": ("65536", "port"),
    "TAWSIL_LOG_LEVEL": ("loud", "must be DEBUG, INFO, WARNING or ERROR"),
    "TAWSIL_PUBLIC_URL": ("tawsil.example.org", "an address like https://"),
    "TAWSIL_LOG_FORMAT": ("xml", "must be json or console"),
    "DATABASE_URL": ("mysql://x", "must be a postgresql:// address"),
    "TAWSIL_ACCESS_TOKEN_S": ("5", "access_token_s"),
    "TAWSIL_DISPATCH_TICK_S": ("0", "dispatch_tick_s"),
    "TAWSIL_PSP_TIMEOUT_S": ("soon", "psp_timeout_s"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_clear_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, said = WRONG[name]
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    sentence = str(raised.value)
    assert said in sentence
    assert sentence.startswith("These settings cannot be used")
    assert "\n" not in sentence
    assert sentence.count(";") == 0


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAWSIL_PORT", "-1")
    monkeypatch.setenv("TAWSIL_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError, match=r"port: .*; log_level: "):
        load_settings()


def test_the_environment_is_above_the_file_and_an_argument_above_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tawsil.toml").write_text('port = 9001\nlog_level = "debug"\n')
    assert load_settings().port == 9001
    assert load_settings().log_level == "DEBUG"
    monkeypatch.setenv("TAWSIL_PORT", "9002")
    assert load_settings().port == 9002
    assert load_settings(port=9003).port == 9003


def test_a_misspelt_setting_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tawsil.toml").write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="prot"):
        load_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@127.0.0.1/db")
    settings = load_settings()
    assert settings.database_url is not None
    assert "hunter2" in settings.database_url.get_secret_value()
    assert "hunter2" not in repr(settings)
    monkeypatch.setenv("DATABASE_URL", "mysql://u:hunter2@127.0.0.1/db")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)
