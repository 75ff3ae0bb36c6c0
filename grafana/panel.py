"""What a panel is made of here, as data in both languages, and how Grafana's types are built of it.

In: `Panel`s, `Query`s and `Text`s. Out: builders of `grafana.sdk`. Every panel has to say what it
means and how sure it is: both are shown as its description.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from grafana import sdk

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "en")
DATASOURCE = sdk.common_model.DataSourceRef(type_val="prometheus", uid="$datasource")
FULL_WIDTH = 24


@dataclass(frozen=True)
class Text:
    """Words in French and English."""

    fr: str
    en: str

    def of(self, language: Language) -> str:
        """The words of one language; French with its unbreakable spaces."""
        return self.en if language == "en" else re.sub(" ([:;?!»])|(«) ", "\\2\u00a0\\1", self.fr)


SURE = Text("Fiabilité", "How sure")


@dataclass(frozen=True)
class Query:
    """An expression and what its series are called (`{{label}}` stands for a label's value)."""

    expression: str
    legend: Text = Text("", "")


@dataclass(frozen=True)
class Panel:
    """One panel.

    `meaning`: what it shows; `certainty`: how sure that is. `unit`: Grafana's name of the unit.
    `empty`: what stands there when nothing is returned. `columns`: of a table, label to heading.
    `words`: values shown as words, those in `alarming` in orange. `red_from`: values from there on
    are red, `red_below`: those below.
    """

    kind: Literal["timeseries", "stat", "bargauge", "table"]
    title: Text
    meaning: Text
    certainty: Text
    queries: tuple[Query, ...]
    unit: str
    width: int = 8
    height: int = 8
    empty: Text | None = None
    columns: Mapping[str, Text] = field(default_factory=dict)
    words: Mapping[str, Text] = field(default_factory=dict)
    alarming: tuple[str, ...] = ()
    stacked: bool = False
    most: float | None = None
    decimals: int | None = None
    red_from: float | None = None
    red_below: float | None = None


def build(panel: Panel, language: Language) -> Any:
    """The panel's builder in one language."""
    builder = _BUILDERS[panel.kind](panel, language)
    certainty = f"{SURE.of(language)}{chr(160) if language == 'fr' else ''}"
    builder = (
        builder.title(panel.title.of(language))
        .description(f"{panel.meaning.of(language)}\n\n{certainty}: {panel.certainty.of(language)}")
        .datasource(DATASOURCE)
        .span(panel.width)
        .height(panel.height)
        .unit(panel.unit)
        .min(0)
        .thresholds(_thresholds(panel))
    )
    for query in panel.queries:
        builder = builder.with_target(_target(panel, query, language))
    if panel.empty:
        builder = builder.no_value(panel.empty.of(language))
    if panel.kind == "timeseries":
        builder = builder.color_scheme(_color("palette-classic"))  # else all lines look alike
    if panel.most is not None:
        builder = builder.max(panel.most)
    if panel.decimals is not None:
        builder = builder.decimals(panel.decimals)
    if panel.words:
        builder = builder.mappings([_words(panel, language)])
    return builder


def _target(panel: Panel, query: Query, language: Language) -> Any:
    target = sdk.prometheus.Dataquery().expr(query.expression).datasource(DATASOURCE)
    if query.legend.fr:
        target = target.legend_format(query.legend.of(language))
    if panel.kind == "table":
        target = target.format(sdk.prometheus_model.PromQueryFormat.TABLE)
    return target.range() if panel.kind == "timeseries" else target.instant()


def _color(mode: str) -> Any:
    return sdk.dashboards.FieldColor().mode(sdk.model.FieldColorModeId(mode))


def _thresholds(panel: Panel) -> Any:
    steps = [sdk.model.Threshold(color="green", value=None)]
    if panel.red_from is not None:
        steps.append(sdk.model.Threshold(color="red", value=panel.red_from))
    if panel.red_below is not None:
        steps[0].color = "red"
        steps.append(sdk.model.Threshold(color="green", value=panel.red_below))
    mode = sdk.model.ThresholdsMode.ABSOLUTE
    return sdk.dashboards.ThresholdsConfig().mode(mode).steps(steps)


def _words(panel: Panel, language: Language) -> Any:
    return sdk.model.ValueMap(
        options={
            value: sdk.model.ValueMappingResult(
                text=text.of(language),
                color="orange" if value in panel.alarming else None,
                index=index,
            )
            for index, (value, text) in enumerate(panel.words.items())
        }
    )


def _last() -> Any:
    return sdk.common.ReduceDataOptions().calcs(["lastNotNull"])


def _timeseries(panel: Panel, _language: Language) -> Any:
    modes = sdk.common_model
    legend = sdk.common.VizLegendOptions().display_mode(modes.LegendDisplayMode.LIST)
    stacking = modes.StackingMode.NORMAL if panel.stacked else modes.StackingMode.NONE
    return (
        sdk.timeseries.Panel()
        .legend(legend.placement(modes.LegendPlacement.BOTTOM).show_legend(True))
        .tooltip(sdk.common.VizTooltipOptions().mode(modes.TooltipDisplayMode.MULTI))
        .stacking(sdk.common.StackingConfig().mode(stacking))
        .fill_opacity(20 if panel.stacked else 0)
        .span_nulls(False)  # unknown is not drawn as if it were known
    )


def _stat(_panel: Panel, _language: Language) -> Any:
    modes = sdk.common_model
    return (
        sdk.stat.Panel()
        .reduce_options(_last())
        .graph_mode(modes.BigValueGraphMode.NONE)
        .color_mode(modes.BigValueColorMode.VALUE)
        .text_mode(modes.BigValueTextMode.VALUE_AND_NAME)
    )


def _bargauge(_panel: Panel, _language: Language) -> Any:
    modes = sdk.common_model
    return (
        sdk.bargauge.Panel()
        .reduce_options(_last())
        .orientation(modes.VizOrientation.HORIZONTAL)
        .display_mode(modes.BarGaugeDisplayMode.BASIC)
        .value_mode(modes.BarGaugeValueMode.TEXT)
    )


def _table(panel: Panel, language: Language) -> Any:
    shown = list(panel.columns)
    organize = sdk.model.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: index for index, name in enumerate(shown)},
            "renameByName": {name: text.of(language) for name, text in panel.columns.items()},
        },
    )
    coloured = {
        "custom.cellOptions": {"type": "color-text"},
        "color": {"mode": "fixed", "fixedColor": "text"},
    }
    builder = sdk.table.Panel().show_header(True).with_transformation(organize)
    if panel.alarming:
        values = [sdk.model.DynamicConfigValue(name, value) for name, value in coloured.items()]
        builder = builder.override_by_field_type("string", values)
    return builder


_BUILDERS = {"timeseries": _timeseries, "stat": _stat, "bargauge": _bargauge, "table": _table}
