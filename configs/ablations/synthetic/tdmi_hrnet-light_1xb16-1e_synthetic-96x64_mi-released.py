# The mutual information terms as the authors' code computes them. They are
# means over the 24 x 16 cells, the heatmap loss here is in nats: alpha is the
# base's 0.1 times 384. The frozen heatmap layer of the label terms is random,
# since the single-frame model's is 3x3.
_base_ = ['../../tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py']

model = dict(
    head=dict(
        mi_loss=dict(
            _delete_=True,
            type='MutualInformationLoss',
            estimator='released',
            alpha=dict(type='linear', start=0., end=38.4, begin=250,
                       stop=500))))
