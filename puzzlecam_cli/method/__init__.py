"""The paper, as pure functions: tensors in, tensors out, no files, any device.

| paper | code |
|---|---|
| Eq. (1), class activation maps | `cam.class_activation_maps` |
| §3.3, tiling and merging | `puzzle.tile`, `puzzle.merge` |
| Eq. (2)-(3), multi-label soft margin | `puzzle.classification_loss` |
| Eq. (4)-(5), L_cls and L_p-cls | `puzzle.puzzle_loss` |
| Eq. (6), L_re | `puzzle.reconstruction_loss` |
| Eq. (7), the sum, and the ramp of alpha | `puzzle.puzzle_loss`, `puzzle.alpha_at` |
| §4.3, AffinityNet [4] | `affinity` |
| Table 2, RW and dCRF [16] | `random_walk`, `crf` |
| Tables 1-3, mIoU | `metrics` |
"""
