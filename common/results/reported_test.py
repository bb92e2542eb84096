import dataclasses

import pytest

from common.results import reported

HEADER = "table,row,column,metric,value,source,confidence\n"
GOOD = "main,plain,clean,accuracy,90.0,Table 9,paper\n"


def write(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_text(text)
    return path


def test_a_record_keeps_every_field(tmp_path):
    path = write(tmp_path, HEADER + 'main,plain,clean,accuracy,90.5,"A, b",figure\n')
    (record,) = reported.read(path)
    assert record == reported.Reported(
        "main", "plain", "clean", "accuracy", 90.5, "90.5", "A, b", "figure"
    )
    assert record.place == f"{path}:2"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD.replace("paper", "papr"), "Unknown confidence. Received: papr. Nearest"),
        (GOOD.replace("accuracy", "acuracy"), "Unknown metric. Received: acuracy"),
        (GOOD.replace("90.0", "ninety"), "Received: value=ninety"),
        (GOOD.replace("Table 9", " "), "source must not be empty"),
        (GOOD.replace(",paper", ""), "expected 7 fields. Received: 6"),
        (GOOD, "cell is already in"),
    ],
)
def test_a_wrong_line_is_refused_in_one_line_with_its_place(tmp_path, line, message):
    path = write(tmp_path, HEADER + GOOD + line)
    with pytest.raises(ValueError) as error:
        reported.read(path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}:3: ")
    assert "\n" not in str(error.value)


def test_a_wrong_header_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"list.csv:1: expected the header table,row"):
        reported.read(write(tmp_path, "row,table\n"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("main,plain,clean", "mane,plain,clean", "Received: mane. Nearest: main"),
        ("plain,clean", "plane,clean", r"Nearest: plain \| clean"),
    ],
)
def test_a_number_that_fits_no_cell_is_refused(tmp_path, paper, old, new, message):
    path = write(tmp_path, (HEADER + GOOD).replace(old, new))
    with pytest.raises(ValueError, match=rf"list.csv:2: .*{message}"):
        reported.by_cell(dataclasses.replace(paper, reported=path))


@pytest.mark.parametrize(
    ("metric", "value", "rule"),
    [
        ("top5", "100.1", "percent from 0 to 100"),
        ("ratio", "-0.1", "a ratio from 0"),
        ("minutes", "-1", "minutes from 0"),
    ],
)
def test_every_metric_has_its_range(tmp_path, metric, value, rule):
    line = f"main,plain,clean,{metric},{value},Table 9,paper\n"
    with pytest.raises(ValueError, match=f"value must be {rule}. Received"):
        reported.read(write(tmp_path, HEADER + line))


def test_a_ratio_may_be_above_one(tmp_path):
    line = "main,plain,clean,ratio,1.05,Figure 9,figure\n"
    (record,) = reported.read(write(tmp_path, HEADER + line))
    assert (record.metric, record.value) == ("ratio", 1.05)


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("main,plain,clean,top5,95.0,Table 9,paper\n", "accuracy"),
        ("main,plain,time (min),accuracy,9,Table 9,paper\n", "minutes"),
    ],
)
def test_a_number_of_another_metric_than_its_cell_is_refused(
    tmp_path, paper, line, metric
):
    path = write(tmp_path, HEADER + line)
    with pytest.raises(ValueError, match=rf"list.csv:2: .*counts {metric}"):
        reported.by_cell(dataclasses.replace(paper, reported=path))
