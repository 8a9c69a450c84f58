from xiangli.config.navigation import navigation


def _views(*verbs: str, at_place: bool = True) -> set[str]:
    return {item.view for item in navigation(verbs, at_place=at_place)["menu"]}


def test_an_organ_is_led_to_no_map_and_no_figures_of_places() -> None:
    assert {"insight:map", "insight:figures"} <= _views()
    assert not {"insight:map", "insight:figures"} & _views(at_place=False)


def test_who_may_not_report_is_led_to_no_report() -> None:
    assert "cases:field_report" in _views("report_case")
    assert "cases:field_report" not in _views("supervise_case")
