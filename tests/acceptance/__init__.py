"""What was promised, over HTTP, against flowray on Ray."""

import pytest

# Its asserts are to explain themselves like those of a test module.
pytest.register_assert_rewrite("tests.acceptance.cases")
