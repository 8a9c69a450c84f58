import pytest

from xiangli.accounts import queries
from xiangli.accounts.tests.factories import make_user
from xiangli.kernel.ids import new_id

pytestmark = pytest.mark.django_db


def test_people_called_finds_by_name_username_and_id() -> None:
    one, other = make_user("王芳", username="wangfang"), make_user("王芳")
    make_user("李强")
    assert set(queries.people_called("王芳")) == {one, other}
    assert queries.people_called("WangFang") == [one]
    assert queries.people_called(str(other.pk)) == [other]
    assert queries.people_called(str(new_id())) == []


def test_people_called_leaves_out_who_left() -> None:
    user = make_user("王芳")
    user.is_active = False
    user.save()
    assert queries.people_called("王芳") == []
