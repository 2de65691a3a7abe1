"""What the recorded predictions are worth: pure functions of labels and scores, each in its own module.

metrics            counts and rates at a threshold (numpy only: quick enough to follow a slider)
curves             ROC and precision-recall curves with their areas
intervals          95 % bootstrap intervals over patients
operating_points   thresholds, chosen on validation data
statistics         the same rates and areas for weighted patients: what is resampled
calibration        Brier score, calibration error and line, reliability, recalibration (logistic: its fits)
comparison         two models on the same slices: McNemar, DeLong, paired differences
utility            decision curves
patients           from slices to patients
summary            everything above for one experiment: the record behind `python -m core evaluate`
"""
