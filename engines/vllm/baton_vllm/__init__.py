"""Joins unmodified vLLM to Baton's transfer service.

vllm serve MODEL --kv-transfer-config '{"kv_connector": "BatonConnector",
  "kv_connector_module_path": "baton_vllm.connector", "kv_role": "kv_both", "kv_load_failure_policy": "recompute",
  "kv_connector_extra_config": {"socket": "/run/baton/session.sock", "engine": "prefill-0"}}'
"""

__version__ = "0.1.0"
