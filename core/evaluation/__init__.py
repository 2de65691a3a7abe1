"""Evaluate recorded predictions: pure functions of labels and scores.

metrics            counts and rates at a threshold (numpy only: fast enough for a slider)
measures           the table of all metrics: key, label, format, and how each is computed
points             everything that depends on an operating point, with intervals
curves             ROC and precision-recall curves with their areas
intervals          95 % bootstrap intervals over patients
operating_points   thresholds, chosen on validation data
review             the review band around a threshold
statistics         ranking metrics for weighted patients, as the bootstrap needs them
calibration        Brier score, calibration error and line, reliability, recalibration
logistic           logistic regression, used by calibration
recalibration      out-of-sample recalibration of an experiment, as stored on its card
comparison         two models on the same slices: McNemar, DeLong, paired differences
utility            decision curves
patients           from slices to patients
subgroups          ranking within groups of slices
conditions         ranking by position in the head and brightness, and on perturbed slices
levels             all figures of one network at one level, slices or patients
summary            all figures of one experiment: the record behind `python -m core evaluate`
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
