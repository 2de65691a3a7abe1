"""Navigation and settings of all pages. Start with `streamlit run dashboard/app.py`."""

from pathlib import Path

import streamlit as st

from core.system import return_freed_memory
from dashboard.readings import session
from dashboard.shared import DISCLAIMER

return_freed_memory()
session.watch_session()
st.set_page_config(
    page_title="Brain CT read by two networks",
    page_icon=str(Path(__file__).parent / "pictures" / "icon.svg"),
    layout="wide",
    menu_items={"About": f"Two convolutional networks read brain CT slices. {DISCLAIMER}"},
)
pages = [
    st.Page("app_pages/overview.py", title="Overview", icon=":material/home:", default=True),
    st.Page("app_pages/read_scan.py", title="Read a scan", icon=":material/radiology:", url_path="read"),
    st.Page("app_pages/compare.py", title="Compare", icon=":material/balance:", url_path="compare"),
    st.Page("app_pages/validate.py", title="Validate", icon=":material/fact_check:", url_path="validate"),
    st.Page("app_pages/explore.py", title="Explore", icon=":material/grid_view:", url_path="explore"),
    st.Page("app_pages/data.py", title="Data", icon=":material/database:", url_path="data"),
    st.Page("app_pages/model_card.py", title="Model card", icon=":material/description:", url_path="card"),
    st.Page("app_pages/train.py", title="Train", icon=":material/model_training:", url_path="train"),
    st.Page("app_pages/about.py", title="About", icon=":material/info:", url_path="about"),
    # Reached from Overview.
    st.Page("app_pages/tour.py", title="Tour", url_path="tour", visibility="hidden"),
    st.Page("app_pages/quiz.py", title="Reading quiz", url_path="quiz", visibility="hidden"),
]
st.navigation(pages, position="top").run()
