"""What the recorded predictions are worth: pure functions of labels and scores, each in its own module.

metrics            counts and rates at a threshold (numpy only: quick enough to follow a slider)
measures           the one table of all metrics: key, label, form, and how each is computed
points             all that depends on an operating point, with intervals
curves             ROC and precision-recall curves with their areas
intervals          95 % bootstrap intervals over patients
operating_points   thresholds, chosen on validation data
review             the indeterminate band around a threshold
statistics         the same rates and areas for weighted patients: what is resampled
calibration        Brier score, calibration error and line, reliability, recalibration (logistic: its fits)
recalibration      recalibration of an experiment, out of sample, as its card keeps it
comparison         two models on the same slices: McNemar, DeLong, paired differences
utility            decision curves
patients           from slices to patients
subgroups          ranking within groups of slices
conditions         ranking by place in the head and brightness, and on slices that were changed
levels             one level of one network: everything above about its slices, or its patients
summary            all levels of one experiment: the record behind `python -m core evaluate`
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
