"""What the recorded predictions are worth: pure functions of labels and scores, each in its own module.

metrics            counts and rates at a threshold (numpy only: quick enough to follow a slider)
curves             ROC and precision-recall curves with their areas
intervals          95 % bootstrap intervals over patients
operating_points   thresholds, chosen on validation data
summary            everything above for one experiment: the record behind `python -m core evaluate`
"""
