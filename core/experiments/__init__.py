"""Experiments: folders in `trained_models/`, each with one protocol and the models trained under it.

    NAME/
      experiment.json    the card: protocol, recipe, classes, operating points, hashes (see cards.py)
      slices.csv         every slice of the data set and its part in each fold
      predictions.csv    the probability of every held-out slice, for each framework
      history.csv        loss and accuracy of every epoch
      robustness.csv, properties.csv, features.csv, gate.csv ...
                         measured afterwards: see OPTIONAL_TABLES
      versions.json      what stays of earlier networks of the same name: see versions.py
      familiarity.safetensors    features that new slices are compared with: see core.gate.familiarity
      pytorch/model.onnx (served), pytorch/weights-0.pt ...     one per fold
      keras/model.onnx   (served), keras/model-0.keras ...

Every file is compared with its hash on the card before it is read. Files not listed on the card are ignored.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
