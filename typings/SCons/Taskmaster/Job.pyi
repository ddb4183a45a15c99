interrupt_msg: str
