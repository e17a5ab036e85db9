from tests.faults.stores import fault_server, store_url

__all__ = ["fault_server", "store_url"]
