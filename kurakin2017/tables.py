"""The tables and figures of Kurakin et al. (2017): title, cells, plot.

Row and column headings are those of `reported.csv`. `PAPER_MAP` says where each part of
the paper stands in this package; the README shows it.
"""

from __future__ import annotations

from common.recipe import Plot, Table
from kurakin2017 import cells, presets, variants

BY_EPSILON = Plot("columns", "epsilon, pixels of 255", bars=False)
BY_RADIUS = Plot("columns", "epsilon of pixels in [0, 1]")
BY_WIDTH = Plot("columns", "width factor rho", bars=False)

TABLES = (
    Table(
        "table1",
        "Table 1. Adversarial training with step l.l. under step l.l.: accuracy, %",
        cells.both_metrics(
            {
                "baseline": "baseline",
                "adv. training": "step_ll",
                "deeper baseline": "deeper_baseline",
                "deeper adv. training": "deeper_step_ll",
            },
            "step_ll",
        ),
    ),
    Table(
        "table2",
        "Table 2. The network trained with step l.l. under iterative attacks: "
        "accuracy, %",
        cells.table_2(),
    ),
    Table(
        "hard_labels",
        "Ablation: attacks up J, the cost of the training, and up hard labels: "
        "accuracy, %",
        cells.hard_labels(),
        plot=BY_EPSILON,
    ),
    Table(
        "table3",
        "Table 3. Label leaking, each network under its own attack: accuracy, %",
        cells.table_3(),
    ),
    Table(
        "leaks",
        "Labels that leak: right under FGSM, wrong under the same attack without the "
        "label, %",
        cells.leaks(),
        plot=BY_EPSILON,
    ),
    Table(
        "table4",
        "Table 4. Transfer rate at epsilon 16, %",
        cells.matrix({"top-1": "transfer", "top-5": "transfer_top5"}),
    ),
    Table(
        "table5",
        "Table 5. One-step methods to train with, under FGSM (fast grad.: step l.l.): "
        "accuracy, %",
        cells.table_5(),
        plot=BY_EPSILON,
    ),
    Table(
        "table6",
        "Table 6. Error of the target on all transferred images at epsilon 16, %",
        cells.matrix({"top-1": "target_error", "top-5": "target_error_top5"}),
    ),
    Table(
        "table7",
        "Table 7. Activations, adversarial training with step l.l.: accuracy, %",
        cells.table_7(),
    ),
    Table(
        "table8",
        "Table 8. k adversarial images of 32, under step l.l.: accuracy, %",
        cells.under({f"k={k}": f"k_{k}" for k in variants.SHARES}, "step_ll"),
        plot=BY_EPSILON,
    ),
    Table(
        "delay",
        "Adversarial training that starts after so many updates, under step l.l.: "
        "accuracy, %",
        cells.under(
            {
                "0": "delay_0k",
                "10k": "step_ll",
                "20k": "delay_20k",
                "40k": "delay_40k",
            },
            "step_ll",
        ),
        plot=BY_EPSILON,
    ),
    Table(
        "regularisation",
        "Adversarial training without some of what regularises it, Sec. 4, under step "
        "l.l.: accuracy, %",
        cells.under(
            {
                "all of it": "step_ll",
                "no label smoothing": "no_smoothing",
                "no dropout": "no_dropout",
                "neither": "no_smoothing_no_dropout",
                "a tenth of the weight decay": "less_decay",
            },
            "step_ll",
        ),
        plot=BY_EPSILON,
    ),
    Table(
        "text",
        "Undefended Inception v3 with ELU, Appendix D: accuracy, %",
        tuple(
            cell
            for cell in cells.both_metrics({"ELU baseline": "elu_baseline"}, "step_ll")
            if cell.column == "clean"
        ),
    ),
    Table(
        "mnist",
        "MNIST, maxout networks of 240 units: accuracy under FGSM, and labels that "
        "leak, %",
        cells.mnist(
            {"natural": "mnist_natural", "adv. training": "mnist_adversarial"},
            "mnist_adversarial",
            presets.MNIST_SEEDS,
        ),
        plot=BY_RADIUS,
    ),
    Table(
        "mnist_larger",
        "MNIST, a maxout network of 1,600 units: accuracy under FGSM, and labels that "
        "leak, %",
        cells.mnist(
            {"adv. training": "mnist_larger"}, "mnist_larger", presets.MNIST_SEEDS[:1]
        ),
        plot=BY_RADIUS,
    ),
    Table(
        "figure1",
        "Figure 1. Robustness ratio (top-1) against the width factor rho",
        cells.capacity("ratio"),
        plot=BY_WIDTH,
    ),
    Table(
        "figure2",
        "Figure 2. Transfer rate from A to B against epsilon, %",
        cells.transfer_curves("transfer"),
        plot=BY_EPSILON,
    ),
    Table(
        "figure3",
        "Figure 3. The network trained with step l.l. under one-step methods: "
        "accuracy, %",
        cells.figure_3(),
        plot=BY_EPSILON,
    ),
    Table(
        "figure4",
        "Figure 4. Robustness ratio (top-5) against the width factor rho",
        cells.capacity("ratio_top5"),
        plot=BY_WIDTH,
    ),
    Table(
        "figure5",
        "Figure 5. Error of B on the images transferred from A against epsilon, %",
        cells.transfer_curves("target_error"),
        plot=BY_EPSILON,
    ),
)

PAPER_MAP = (  # part of the paper, object; its test stands beside its module
    ("Alg. 1", "kurakin2017.algorithm.MixedTraining"),
    ("J, law of epsilon, Sec. 3", "common.training.mixed.Mixed"),
    ("FGSM, step l.l., step rnd.", "common.attacks.gradient_sign.StepLL"),
    ("fast entropy, fast grad.", "common.attacks.fast_gradient.FastEntropy"),
    ("random perturbations", "common.attacks.noise.RandomSign"),
    ("iter. basic, iter. l.l.", "common.attacks.iterated.IterLL"),
    ("Inception v3, width, depth", "common.models.inception_v3.InceptionV3"),
    ("Inception v4", "common.models.inception_v4.InceptionV4"),
    ("maxout network of MNIST", "common.models.maxout.Maxout"),
    ("relu6, ReluDecay, ELU, tanh", "common.models.activations.ACTIVATIONS"),
    ("RMSProp", "common.training.optimizers.RMSProp"),
    ("averaged weights", "common.training.average.Average"),
    ("released checkpoints", "common.training.imported.load"),
    ("preprocessing", "common.data.crops.distorted_crop"),
    ("transfer", "common.evaluation.transferability.transfer"),
    ("label leaking, ratios", "common.results.metrics.METRICS"),
    ("setup", "kurakin2017.presets.RECIPES"),
    ("attacks of the tables", "kurakin2017.presets.EVALUATIONS"),
    ("tables and figures", "kurakin2017.tables.TABLES"),
    ("statements of the text", "kurakin2017.claims.CLAIMS"),
)
