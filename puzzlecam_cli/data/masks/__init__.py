"""Masks that lie elsewhere than with the photos: folders of pictures, and what annotation tools give out."""
