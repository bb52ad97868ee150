"""Which number format networks compute in."""

import pytest
import torch

from pdm_core.networks.devices import device_name, number_format

CPU = torch.device("cpu")


@pytest.fixture
def cpu_with(monkeypatch):
    def having(**capabilities):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, **capabilities}, raising=False)

    return having


@pytest.mark.parametrize("instructions", ["avx512_bf16", "amx_bf16"])
def test_a_cpu_with_bfloat16_instructions_uses_them_unless_told_otherwise(cpu_with, instructions):
    cpu_with(**{instructions: True})
    assert number_format(CPU) is torch.bfloat16
    assert number_format(CPU, "float32") is torch.float32
    assert device_name(CPU).endswith("threads, bfloat16)")


def test_a_cpu_without_them_or_a_torch_that_cannot_tell_stays_with_float32(cpu_with, monkeypatch):
    cpu_with(avx512_bf16=False, avx512_f=True)
    assert number_format(CPU) is torch.float32
    assert device_name(CPU).endswith("threads)")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert number_format(CPU) is torch.float32


def test_cuda_has_bfloat16_and_apple_gpus_are_left_alone():
    assert number_format(torch.device("cuda")) is torch.bfloat16
    assert number_format(torch.device("cuda"), "float32") is torch.float32
    assert number_format(torch.device("mps")) is torch.float32
