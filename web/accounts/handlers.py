"""The accounts' routes, and what their handlers are given."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from web.accounts.account_controller import OpenAccountController, OwnAccountController
from web.accounts.admin_controller import AccountAdminController
from web.accounts.jwks import jwks
from web.accounts.passkeys.controller import PasskeyController, PasskeyLoginController
from web.accounts.session_controller import SessionController

# Under /api.
API: Final[tuple[ControllerRouterHandler, ...]] = (
    OpenAccountController,
    OwnAccountController,
    AccountAdminController,
    SessionController,
    PasskeyController,
    PasskeyLoginController,
)
# At the root.
ROOT: Final[tuple[ControllerRouterHandler, ...]] = (jwks,)
