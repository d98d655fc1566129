"""Fixtures: who calls the REST interface, in the world of two sites."""

import pytest
from rest_framework.test import APIClient

from tests.support.factories import api_of, make_user
from tests.support.two_sites import World, world

__all__ = ["guard", "manager", "outsider", "root", "world"]


@pytest.fixture
def root(world: World) -> APIClient:
    """Return a program of an administrator."""
    return api_of(world.superuser)


@pytest.fixture
def manager(world: World) -> APIClient:
    """Return a program of the manager of our site."""
    return api_of(world.manager)


@pytest.fixture
def guard(world: World) -> APIClient:
    """Return a program of the guard of our site."""
    return api_of(world.guard)


@pytest.fixture
def outsider(world: World) -> APIClient:
    """Return a program of somebody who works for no site."""
    return api_of(make_user())
