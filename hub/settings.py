"""Every setting, read from the environment once, each with its reason and a default that works on a laptop.

``infra/env.example`` lists them for operators; a test holds the two together. A value ``NAME_FILE`` names a file
that holds the secret instead. With no addresses given, ``manage.py up`` starts real servers and sets them.
"""

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from workers.addresses import DEFAULT_HOSTS

MIB, GIB = 1024**2, 1024**3
BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    """The variable, or the content of the file that ``NAME_FILE`` names, or the default."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, default)


def env_int(name: str, default: int) -> int:
    try:
        return int(env(name, str(default)))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {env(name)!r}.") from error


def env_bool(name: str, default: bool) -> bool:
    value = env(name, str(default)).lower()
    if value not in {"true", "false", "1", "0", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1", "yes"}


def env_list(name: str, default: str) -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


DATA_DIR = Path(env("DATA_DIR", str(BASE_DIR / ".weightroom")))  # the embedded servers' data, secrets, caches

# Where people reach the hub; absolute links are built from it, not from the Host header (but see hub.origins).
PUBLIC_URL = env("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
DEBUG = env_bool("DEBUG", False)
PRODUCTION = env_bool("PRODUCTION", False)  # https, secure cookies, no embedded servers
SECRET_KEY = env("SECRET_KEY", "not-secret: manage.py up generates one" if not PRODUCTION else "")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", f"{urlsplit(PUBLIC_URL).hostname},127.0.0.1,localhost,testserver")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "hub",  # its commands: up, site_prepare, storage_prepare, demo_content
    "hub.accounts",
    "hub.hooks",
    "hub.catalog",
    "hub.gallery",
    "hub.prompts",
    "hub.community",
    "hub.operator",
    "hub.leaving",
    "hub.moderation",
    "hub.tryit",
    "hub.uploads",
    "hub.imports",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hub.pages.SecurityHeaders",
    "hub.pages.PagesCompressed",
    "hub.pages.Slashes",
    "hub.origins.Origins",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "hub.pages.Language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "hub.accounts.middleware.Visitors",
    "hub.accounts.middleware.TokenMiddleware",
    "hub.catalog.links.LinkMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "hub.errors.RefusedMiddleware",
]
ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.pages.context",
            ],
            "builtins": ["hub.templatetags.weightroom"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"


def database(url: str) -> dict:
    """Django's database setting from ``postgresql://user:password@host:port/name`` (``?host=`` for a socket folder)."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL must start with postgresql://, not {parts.scheme!r}.")
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "weightroom",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(query.get("host", parts.hostname or "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASE_URL = env("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/weightroom")
DATABASES = {"default": database(DATABASE_URL) | {"TEST": {"NAME": env("TEST_DATABASE") or None}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

BROKER_URL = env("BROKER_URL", "redis://127.0.0.1:6379/0")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": BROKER_URL}}

S3_ENDPOINT = env("S3_ENDPOINT", "http://127.0.0.1:8333")  # where the hub reaches the object store
S3_PUBLIC_ENDPOINT = env("S3_PUBLIC_ENDPOINT", S3_ENDPOINT)  # where browsers reach it: presigned URLs name this one
S3_REGION = env("S3_REGION", "us-east-1")
S3_ACCESS_KEY = env("S3_ACCESS_KEY")
S3_SECRET_KEY = env("S3_SECRET_KEY")
S3_BUCKET = env("S3_BUCKET", "weightroom")  # incoming/ while uploading, blobs/ once accepted
S3_PICTURES_BUCKET = env("S3_PICTURES_BUCKET", "weightroom-pictures")  # the only place workers may write
DOWNLOAD_URL_SECONDS = env_int("DOWNLOAD_URL_SECONDS", 3600)  # a slow line asks for the rest of a file at the same one
PART_URL_SECONDS = env_int("PART_URL_SECONDS", 3600)  # a slow line needs long for one part

MAX_PICTURES_BYTES = env_int("MAX_PICTURES_BYTES", 96 * MIB)  # of a call that carries pictures, such as img2img
MAX_JSON_BYTES = env_int("MAX_JSON_BYTES", 2 * MIB)  # of an API call; 10,000 hashes are 0.7 MB
MAX_UPLOAD_BYTES = env_int("MAX_UPLOAD_BYTES", 20 * GIB)  # a full-precision SDXL checkpoint is about 14
# Of a file sent in one form, by a browser without JavaScript: the one way that leads through the hub itself.
FORM_UPLOAD_BYTES = env_int("FORM_UPLOAD_BYTES", 4 * GIB)
CONTENT_LEVELS = env_int("CONTENT_LEVELS", 3)  # mask of levels shown to whoever said nothing: 1, 2, 4, 8, 16
CONTENT_LEVELS_VISITORS = env_int("CONTENT_LEVELS_VISITORS", CONTENT_LEVELS)  # of these who has no account chooses
CONTENT_BLUR = env_int("CONTENT_BLUR", 28)  # mask of levels that lists blur until one points at them
MEMBER_QUOTA_BYTES = env_int("MEMBER_QUOTA_BYTES", 100 * GIB)  # what one member may keep here
UPLOAD_PART_BYTES = env_int("UPLOAD_PART_BYTES", 16 * MIB)  # smaller: more requests; larger: more to send again
MAX_HEAD_BYTES = env_int("MAX_HEAD_BYTES", 32 * MIB)  # of a file's header, read early; as WORKER_HEADER_BYTES
UPLOAD_ABANDONED_HOURS = env_int("UPLOAD_ABANDONED_HOURS", 24)  # parts of an upload nobody goes on with
# A checkpoint is also written as a folder of diffusers, for `from_pretrained("owner/name")`: its size once more.
DIFFUSERS_LAYOUTS = env_bool("DIFFUSERS_LAYOUTS", True)
# Search of models and prompts by meaning; needs pgvector in the database, and MiniLM's weights where workers run.
MEANING_SEARCH = env_bool("MEANING_SEARCH", False)
UPLOADS_OPEN = env_int("UPLOADS_OPEN", 200)  # files one person may have on their way in at once
UPLOAD_REFUSED_DAYS = env_int("UPLOAD_REFUSED_DAYS", 7)  # how long its owner can ask about a file that was not accepted
# Larger files wait in a line of their own (queue inspect-large), so that smaller ones do not wait behind them.
INSPECT_LARGE_BYTES = env_int("INSPECT_LARGE_BYTES", 4 * GIB)
INSPECTION_SILENT_SECONDS = env_int("INSPECTION_SILENT_SECONDS", 12)  # no sign of life: it is asked for again
# Servers that models may be imported from: hosts (*.example.org for those below one, * for every public one) are asked
# by https; an origin with its scheme (http://10.0.0.5:8000) is trusted as it stands, in a private network too.
IMPORT_HOSTS = env_list("IMPORT_HOSTS", DEFAULT_HOSTS)
IMPORT_KEY = env("IMPORT_KEY")  # seals tokens for other servers; shared with the fetching workers and nobody else
IMPORT_PICTURES = env_int("IMPORT_PICTURES", 10)  # of each imported version; Civitai tells ten
IMPORTS_OPEN = env_int("IMPORTS_OPEN", 50)  # imports one person may have on their way at once; mirrors go on in turn
IMPORT_ATTEMPTS = env_int("IMPORT_ATTEMPTS", 6)  # at one file, with longer and longer pauses between them
PICTURES_SENT_PER_DAY = env_int("PICTURES_SENT_PER_DAY", 300)  # pictures one person may send in a day
GENERATIONS_PER_DAY = env_int("GENERATIONS_PER_DAY", 500)  # pictures one person may ask for in a day
GENERATIONS_WAITING = env_int("GENERATIONS_WAITING", 20)  # pictures one person may have in line at once
GENERATION_MAX_PIXELS = env_int("GENERATION_MAX_PIXELS", 1024 * 1024)  # what the workers' memory is sized for
GENERATION_MAX_STEPS = env_int("GENERATION_MAX_STEPS", 150)
GENERATION_WAIT_SECONDS = env_int("GENERATION_WAIT_SECONDS", 3600)  # how long a picture keeps its place with no worker
WORKER_SILENT_SECONDS = env_int("WORKER_SILENT_SECONDS", 20)  # a job with no sign of life is given to another worker
WAITING_SECONDS = env_int("WAITING_SECONDS", 1800)  # that a program may wait for its picture
WAITING_CLIENTS = env_int("WAITING_CLIENTS", 500)  # that may wait in one web process; each costs a thread that sleeps
JOB_ATTEMPTS = env_int("JOB_ATTEMPTS", 3)  # then it is said to have failed
TOMBSTONES = env_bool("TOMBSTONES", True)  # who has a file still learns its name, words and licence after a take-down
DOWNLOADS_SIGN_IN = env_bool("DOWNLOADS_SIGN_IN", False)  # True: files only to people with an account
GROUP_QUOTA_BYTES = env_int("GROUP_QUOTA_BYTES", 200 * GIB)  # what one group may keep here
GROUPS_EACH = env_int("GROUPS_EACH", 10)  # groups that one person may found
PICTURE_SCORES = env_bool("PICTURE_SCORES", True)  # a classifier suggests each picture's content level
MAIL_DIGEST_HOUR = env_int("MAIL_DIGEST_HOUR", 7)  # UTC; the day's notifications go out in one mail after it
REPORTS_OPEN = env_bool("REPORTS_OPEN", True)  # people without an account may report things too
REPORTS_PER_HOUR = env_int("REPORTS_PER_HOUR", 5)  # from one address; five times as many from an account
HOOK_ORIGINS = env_list("HOOK_ORIGINS", "")  # may be private and without TLS: http://10.0.0.5:8080; else public https
SIGN_UP_OPEN = env_bool("SIGN_UP_OPEN", True)  # False: accounts only by `manage.py` or an admin

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "account_login", "/", "/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_ADAPTER = "hub.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env("EMAIL_VERIFICATION", "none")  # mandatory where mail is set up
ACCOUNT_USERNAME_VALIDATORS = "hub.accounts.names.validators"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_CHANGE_EMAIL = True  # one address; a new one takes its place once confirmed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or second factor is told to its owner
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]  # no codes by mail: who reads the mail is not yet who signed in
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Weightroom: "
ACCOUNT_USERNAME_MIN_LENGTH = 1
ACCOUNT_FORMS = {
    "login": "hub.accounts.forms.SignIn",
    "signup": "hub.accounts.forms.SignUp",
    "reset_password": "hub.accounts.forms.Reset",
    "reset_password_from_key": "hub.accounts.forms.ResetFromKey",
    "change_password": "hub.accounts.forms.PasswordChange",
    "add_email": "hub.accounts.forms.EmailChange",
    "change_email": "hub.accounts.forms.EmailChange",
    "reauthenticate": "hub.accounts.forms.Reauthenticate",
}
# As PyPI limits them: passwords by account and by address, codes over the hour and the day as well. A class that signs
# up in one lesson has one address.
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/5m/ip,5/5m/key",
    "code_failed": "20/h/key,50/d/key",
    "signup": "60/h/ip",
    "reset_password": "20/h/ip,5/d/key",
    "reset_password_from_key": "20/m/ip",
    "change_password": "5/m/user",
    "manage_email": "10/h/user",
    "reauthenticate": "10/m/user",
    "confirm_email": "1/3m/key",
}
# Proxies in front that append to X-Forwarded-For; the limits above count by the address they report.
ALLAUTH_TRUSTED_PROXY_COUNT = env_int("TRUSTED_PROXIES", 0)
MFA_ADAPTER = "hub.accounts.adapter.MFAAdapter"
MFA_FORMS = {
    "authenticate": "hub.accounts.forms.SignInCode",
    "reauthenticate": "hub.accounts.forms.ReauthenticateCode",
    "activate_totp": "hub.accounts.forms.ActivateCode",
}
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"  # where no mail is sent nothing can be confirmed
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Weightroom"
EMAIL_BACKEND = env("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST, EMAIL_PORT = env("EMAIL_HOST", "localhost"), env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env("EMAIL_HOST_USER"), env("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", "weightroom@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hub.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hub.accounts.permissions.ScopeAllows"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hub.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "hub.errors.api_exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Weightroom",
    "DESCRIPTION": "Browse, upload, download and draw. Tokens carry the scopes read, upload, generate and admin.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "hub.openapi.refusals"],
    "ENUM_NAME_OVERRIDES": {  # lists of words that two shapes share keep a name that clients can rely on
        "ModelTypeEnum": "hub.catalog.models.Model.Type",
        "UploadStatusEnum": "hub.uploads.models.Upload.Status",
        "PublicationStatusEnum": "hub.catalog.models.Version.Status",
        "ReportedKindEnum": "hub.moderation.models.Case.Kind",
        "BlockKindEnum": "hub.catalog.models.Block.Kind",
    },
}

LANGUAGE_CODE, TIME_ZONE, USE_TZ, USE_I18N = "en", "UTC", True, True
# Programs are answered in English; pages in what a person chose or their browser asks for.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_COOKIE_NAME, LANGUAGE_COOKIE_AGE, LANGUAGE_COOKIE_SAMESITE = "language", 365 * 24 * 3600, "Lax"
LOCALE_PATHS = [BASE_DIR / "hub" / "locale"]
FORMAT_MODULE_PATH = ["hub.formats"]  # a point in every language: prompts, sliders and recipes are written with one
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
TESTING = "pytest" in sys.modules
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # the hub keeps no files of its own
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}


def WHITENOISE_ADD_HEADERS_FUNCTION(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """A file that is opened by itself runs nothing."""
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"


SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_tokens": {"()": "hub.accounts.logs.ScrubTokens"}},
    "formatters": {
        "line": {"()": "hub.accounts.logs.Line", "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_tokens"]}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", "INFO")},
    # Django's own handler for runserver would write addresses with their tokens.
    "loggers": {"django.server": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}
