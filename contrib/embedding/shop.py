"""A shop: somebody's Flask application with its own tables, and Ratchet inside it.

An order and the run that fulfils it are stored by one commit. `shop_steps` holds the steps of that
run; a worker performs them in the application's context.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app, jsonify, request
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from ratchet_core.config import load_settings
from ratchet_core.flask import Ratchet, SubmitRequest
from ratchet_core.runtime import Ratchet as Runtime


class Base(DeclarativeBase):
    """The shop's own tables."""


class Order(Base):
    """What a customer wants."""

    __tablename__ = "shop_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]
    quantity: Mapped[int]
    status: Mapped[str] = mapped_column(default="new")
    price_cents: Mapped[int | None]
    run_id: Mapped[str | None]


def create_app(ratchet: Runtime | None = None, environ: Mapping[str, str] | None = None) -> Flask:
    """Return the shop.

    Args:
        ratchet: whose doors the shop opens; a worker needs none of them.
        environ: where `RATCHET_DATABASE_URL` stands; None is the process's own.
    """
    app = Flask("shop")
    app.config["CENTS_PER_ITEM"] = 250
    url = (os.environ if environ is None else environ)["RATCHET_DATABASE_URL"]
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    # SQLite: as patient as Ratchet's own connections
    patience = {"timeout": 30} if url.startswith("sqlite") else {}
    app.extensions["shop_sessions"] = sessionmaker(create_engine(url, connect_args=patience))
    app.add_url_rule("/orders", view_func=place_order, methods=["POST"])
    app.add_url_rule("/orders/<int:order_id>", view_func=show_order)
    if ratchet is not None:
        app.extensions["shop_ratchet"] = Ratchet(
            ratchet, app, tasker_prefix="/workflows", api_prefix="/engine/v1"
        )
    return app


def sessions() -> sessionmaker[Session]:
    """Return what opens sessions of the current shop."""
    found: sessionmaker[Session] = current_app.extensions["shop_sessions"]
    return found


def place_order() -> tuple[Response, int]:
    """Store an order and the run that fulfils it, or neither."""
    wanted: dict[str, Any] = request.get_json()
    ratchet: Ratchet = current_app.extensions["shop_ratchet"]
    with ratchet.turn() as turn, sessions()() as session:
        order = Order(item=wanted["item"], quantity=wanted["quantity"])
        session.add(order)
        session.flush()
        fulfil = SubmitRequest(
            namespace="shop",
            name="fulfil_order",
            input={"order_id": order.id},
            idempotency_key=f"order-{order.id}",
        )
        order.run_id = turn.submit(session.connection(), fulfil)
        if order.quantity > 100:  # noqa: PLR2004 - the shop's own rule
            session.rollback()
            return jsonify(error="that is more than we have"), 409
        session.commit()
        return jsonify(_shown(order)), 201


def show_order(order_id: int) -> tuple[Response, int]:
    """Show an order."""
    with sessions()() as session:
        order = session.get(Order, order_id)
        return (jsonify(error="no such order"), 404) if order is None else (_json(order), 200)


def _json(order: Order) -> Response:
    return jsonify(_shown(order))


def _shown(order: Order) -> dict[str, Any]:
    names = ("id", "item", "quantity", "status", "price_cents", "run_id")
    return {name: getattr(order, name) for name in names}


def wsgi() -> Flask:
    """Return the shop as a server serves it: `gunicorn 'shop:wsgi()'`."""
    ratchet = Runtime(load_settings(None, os.environ).settings, os.environ)
    ratchet.prepare_database()
    ratchet.sync_definitions(on_change="replace")
    app = create_app(ratchet)
    with app.app_context():
        Base.metadata.create_all(sessions().kw["bind"])
    return app


@functools.cache
def in_worker() -> Flask:
    """Return the shop as the steps see it: the same configuration and tables, no doors."""
    return create_app()
